import { type Verdict } from './engine';
import { at, DELETE, KEYS, KEY_NAMES, NONE } from './layout';
import { showValue, type World } from './world';

/** What must be true of every state reached. */
export function check(w: World, s: Uint8Array): Verdict {
  if (isQuiesced(w, s)) {
    const problem = differs(w, s) ?? historyProblem(w, s);
    return problem === null ? 'quiesced' : { problem };
  }
  const problem = w.config.checkConsistent ? inconsistent(w, s) : null;
  return problem === null ? 'open' : { problem };
}

/** Nothing is in flight: everything committed is visible, captured, applied, and no preload or dead letter is open. */
export function isQuiesced(w: World, s: Uint8Array): boolean {
  const { f, config } = w;
  const live = at(s, f.live) !== 0 || (config.start === 'live' && at(s, f.phase) === 0 && at(s, f.epoch) >= 1);
  if (!live || at(s, f.phase) !== 0 || at(s, f.needsPreload) !== 0 || at(s, f.deadLetter) !== 0) return false;
  if (at(s, f.captured) < at(s, f.events) || (config.zombieConnector && at(s, f.zombieAt) !== NONE)) return false;
  if (KEYS.some((k) => at(s, f.pendingTx + k) !== 0)) return false;
  if (config.replica && at(s, f.replicaAt) < at(s, f.events)) return false;
  if (config.openTransaction && at(s, f.openTx) === 1) return false;
  for (let p = 0; p < config.partitions; p++) {
    const next = at(s, f.nextOffset + p);
    if (next < at(s, f.logLength + p) || next < at(s, f.logStart + p)) return false;
  }
  return true;
}

/** A state without successors must be quiesced, or wait for a preload nobody may start, or have a full log. */
export function stuck(w: World, s: Uint8Array): string | null {
  const { f, config } = w;
  if (isQuiesced(w, s) || (at(s, f.needsPreload) !== 0 && at(s, f.reloadsLeft) === 0)) return null;
  for (let p = 0; p < config.partitions; p++) if (at(s, f.logLength + p) >= config.logEntries) return null;
  return 'stuck: nothing can happen, but work is left';
}

function differs(w: World, s: Uint8Array): string | null {
  const { f, config } = w;
  for (const k of KEYS) {
    if (at(s, f.drifted + k) !== 0) continue;
    const row = at(s, f.rowValue + k);
    if (config.keysCollide) {
      const source = at(s, f.sourceValue) || at(s, f.sourceValue + 1);
      if (k === 0 && row !== source) return `quiesced, but the row differs: source ${showValue(source)}, warehouse ${showValue(row)}`;
      continue;
    }
    const source = at(s, f.sourceValue + k);
    if (row !== source) return `quiesced, but ${KEY_NAMES[k]} differs: source ${showValue(source)}, warehouse ${showValue(row)}`;
    const extra = [at(s, f.sourceExtra + k), at(s, f.rowExtra + k)] as const;
    if (config.unknownColumns && row !== 0 && extra[0] !== extra[1]) return `quiesced, but ${KEY_NAMES[k]}.y differs: source ${showValue(extra[0])}, warehouse ${showValue(extra[1])}`;
  }
  return null;
}

/** R13: every event from the start offsets on has one history row, unless a gap, retention or restore took it. */
function historyProblem(w: World, s: Uint8Array): string | null {
  const { f, config } = w;
  if (config.gaps > 0 || config.retentions > 0 || config.restores > 0) return null;
  for (let p = 0; p < config.partitions; p++) {
    const start = at(s, f.startOffset + p);
    const event = (offset: number): number => at(s, f.logEvent + w.entry(p, offset));
    for (let offset = start; offset < at(s, f.logLength + p); offset++) {
      let early = false;
      for (let before = 0; before < start; before++) early ||= event(before) === event(offset);
      const rows = at(s, f.history + event(offset));
      if (!early && rows !== 1) return `history of e${event(offset)} recorded ${rows} times`;
    }
  }
  return null;
}

/** A table reported live is the source as of its checkpoint, also while events are in flight. */
function inconsistent(w: World, s: Uint8Array): string | null {
  const { f, config } = w;
  if (at(s, f.live) === 0 || at(s, f.phase) !== 0 || at(s, f.needsPreload) !== 0 || at(s, f.wasReset) !== 0 || at(s, f.captureReached) < at(s, f.endOfLog)) return null;
  for (let p = 0; p < config.partitions; p++) if (!hasPassed(w, s, p)) return null;
  for (const k of KEYS) {
    if (at(s, f.drifted + k) !== 0) continue;
    const expected = valueAtCheckpoint(w, s, k);
    if (at(s, f.rowValue + k) !== expected) return `reported consistent, but ${KEY_NAMES[k]} is ${showValue(at(s, f.rowValue + k))}, expected ${showValue(expected)} at checkpoint`;
  }
  return null;
}

/** Whether every event of the partition below the end of the log (H) is applied. */
function hasPassed(w: World, s: Uint8Array, p: number): boolean {
  const { f } = w;
  const event = (offset: number): number => at(s, f.logEvent + w.entry(p, offset));
  const next = at(s, f.nextOffset + p);
  for (let offset = next; offset < at(s, f.logLength + p); offset++) {
    let applied = false;
    for (let before = 0; before < next; before++) applied ||= event(before) === event(offset);
    if (!applied && event(offset) < at(s, f.endOfLog)) return false;
  }
  return true;
}

function valueAtCheckpoint(w: World, s: Uint8Array, k: number): number {
  const { f } = w;
  const p = w.partitionOf(k);
  const valueOf = (event: number): number => (at(s, f.eventKind + event) === DELETE ? 0 : event + 1);
  let highest = 0;
  let value = -1;
  for (let offset = at(s, f.startOffset + p); offset < at(s, f.nextOffset + p); offset++) {
    const entry = w.entry(p, offset);
    const event = at(s, f.logEvent + entry);
    // deliberately not the product's function: the invariant must not share a mistake with it
    if (at(s, f.logPosition + entry) < highest) continue;
    highest = at(s, f.logPosition + entry);
    if (at(s, f.eventKey + event) === k) value = valueOf(event);
  }
  if (value >= 0) return value;
  // no event of k applied: its value before the first event of it that is not
  const end = at(s, f.endOfLog);
  let later = false;
  let before = at(s, f.valueAtCapture + k);
  for (let event = 0; event < at(s, f.events); event++) {
    if (at(s, f.eventKey + event) !== k) continue;
    if (event >= end) later = true;
    else before = valueOf(event);
  }
  return later ? before : at(s, f.sourceValue + k);
}

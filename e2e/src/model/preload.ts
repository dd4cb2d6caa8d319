import { isSwept } from '@elstream/core';
import { type PreloadStep } from './config';
import { isFilled, preloadPosition, versionOf } from './decisions';
import { at, bump, KEY_NAMES, KEYS, PRELOAD } from './layout';
import { clearRow, setMarker, setRow } from './warehouse';
import { showRows, showValue, type World } from './world';

/** Phases: 0 idle; 1, 2: that many of switch, L0 and list done; 3: waiting, then reading and writing chunks. */
const READING = 3;

export function preloadSteps(w: World): void {
  const { s, f, config } = w;
  const phase = at(s, f.phase);
  const first = config.start === 'initial' && at(s, f.epoch) === 0;
  const mayBegin = first ? at(s, f.capturing) !== 0 : at(s, f.reloadsLeft) > 0;
  const step = config.order[phase];
  if (step !== undefined && (phase > 0 || mayBegin)) takeStep(w, step, { phase, spends: phase === 0 && !first });
  if (config.aborts && phase > 0 && at(s, f.reloadsLeft) > 0) takeStep(w, config.order[0] ?? 'switch', { phase: 0, spends: true });
  const reading = phase === READING && waitIsOver(w);
  for (let worker = 0; worker < config.workers; worker++) for (const k of KEYS) chunkSteps(w, worker, k, reading);
  if (phase === READING && at(s, f.chunkDone) !== 0 && at(s, f.chunkDone + 1) !== 0) finish(w);
}

function takeStep(w: World, step: PreloadStep, { phase, spends }: { readonly phase: number; readonly spends: boolean }): void {
  const { s, c, f } = w;
  const aborted = phase === 0 && at(s, f.phase) > 0;
  w.begin();
  c[f.phase] = phase + 1;
  if (spends) bump(c, f.reloadsLeft, -1);
  switch (step) {
    case 'switch':
      switchEpoch(w);
      break;
    case 'L0':
      readL0(w);
      break;
    case 'list':
      listTransactions(w);
      break;
  }
  w.go(() => (aborted ? 'run aborted, new run: ' : '') + { switch: `epoch switch to ${at(c, f.epoch)} (one warehouse transaction)`, L0: `L0 read: ${at(c, f.l0)}`, list: 'list of transactions in progress read' }[step]);
}

/** R4 (0), and the answer to a log gap (R3): one transaction raises the epoch and moves checkpoints behind the gap. */
function switchEpoch(w: World): void {
  const { s, c, f, config } = w;
  const gone = config.gapMovesCheckpoint && (at(s, f.gapsLeft) < config.gaps || at(s, f.restoresLeft) < config.restores);
  for (let p = 0; p < config.partitions; p++) {
    if (gone) c[f.nextOffset + p] = Math.max(at(c, f.nextOffset + p), at(s, f.wholeFrom + p));
    if (gone && at(s, f.needsPreload) !== 0 && !config.gapKeepsHighest) c[f.highest + p] = 0;
    if (config.jump === 'with switch') c[f.nextOffset + p] = Math.max(at(c, f.nextOffset + p), at(s, f.logStart + p));
  }
  bump(c, f.epoch);
  c[f.preloading] = 1;
  c[f.live] = 0;
  c[f.needsPreload] = 0;
  for (const k of KEYS) {
    setMarker(w, k, 0, 0);
    c[f.chunkDone + k] = 0;
  }
}

/** R4 (1): how far capture has delivered; the first preload also fixes the start offsets. */
function readL0(w: World): void {
  const { s, c, f, config } = w;
  const deliveredTo = (events: number): number => (events > 0 ? at(s, f.txPosition + at(s, f.eventTx + events - 1)) : 0);
  const captured = at(s, f.captured);
  c[f.l0] = config.preloadPosition === 'log end' ? at(s, f.clock) + 1 : captured > 0 ? deliveredTo(captured) : config.start === 'live' ? 2 : 0;
  const first = config.start === 'initial' && at(s, f.epoch) <= 1;
  if (config.replica) c[f.l0] = deliveredTo(at(s, f.replicaAt));
  for (let p = 0; p < config.partitions; p++) {
    if (!first || !(config.streamFromL0 || config.replica)) continue;
    let start = at(s, f.logLength + p);
    if (config.replica) {
      start = 0;
      while (start < at(s, f.logLength + p) && at(s, f.logEvent + w.entry(p, start)) < at(s, f.replicaAt)) start += 1;
    }
    c[f.nextOffset + p] = start;
    c[f.startOffset + p] = start;
  }
  if (config.endOfLogAt === 'L0') c[f.endOfLog] = at(s, f.events);
}

/** R4 (2) */
function listTransactions(w: World): void {
  const { s, c, f, config } = w;
  if (config.replica && config.replicaWait) c[f.replicaWaitFor] = at(s, f.captured);
  c.fill(0, f.waitList, f.waitList + f.maxTx);
  for (const k of KEYS) if (at(s, f.pendingTx + k) !== 0) c[f.waitList + at(s, f.pendingTx + k) - 1] = 1;
  if (config.openTransaction && at(s, f.openTx) === 1) c[f.waitList + f.maxTx - 1] = 1;
}

function waitIsOver(w: World): boolean {
  const { s, f, config } = w;
  if (config.replica && at(s, f.replicaAt) < at(s, f.replicaWaitFor)) return false;
  if (!config.waitForTransactions) return true;
  const waits = (tx: number): boolean => tx !== 0 && at(s, f.waitList + tx - 1) !== 0;
  if (KEYS.some((k) => waits(at(s, f.pendingTx + k)))) return false;
  return !(config.openTransaction && at(s, f.openTx) === 1 && waits(f.maxTx));
}

/** One worker and one chunk (a key): reads, may crash, looks at the target, writes with its task. */
function chunkSteps(w: World, worker: number, k: number, reading: boolean): void {
  const { s, c, f, config } = w;
  const h = worker * 2 + k;
  const epoch = at(s, f.heldEpoch + h);
  if (epoch === 0) {
    readChunk(w, worker, k, reading);
    return;
  }
  begin(w, h);
  w.go(() => `worker ${worker} crashes with chunk ${KEY_NAMES[k]} in hand`);
  // the write is conditional on task, run and epoch (R4): a stalled duplicate writes nothing
  const current = at(s, f.chunkDone + k) === 0 && epoch === at(s, f.epoch) && at(s, f.phase) === READING;
  const stale = config.fence === 'task' && epoch !== at(s, f.epoch);
  if (!current && !stale && config.fence !== 'none') return;
  if (!config.fillAtomic && at(s, f.heldDecision + h) === 0) {
    w.begin();
    c[f.heldDecision + h] = isFilled(w, k, epoch) ? 1 : 2;
    w.go(() => `worker ${worker} looks at target of chunk ${KEY_NAMES[k]}: ${at(c, f.heldDecision + h) === 1 ? 'may fill' : 'touched, will not fill'}`);
    return;
  }
  w.begin();
  const fills = config.fillAtomic ? isFilled(w, k, epoch) : at(s, f.heldDecision + h) === 1;
  begin(w, h);
  if (!stale) c[f.chunkDone + k] = 1;
  if (config.keysCollide) c[f.chunkDone + 1] = 1;
  const value = at(s, f.heldValue + h);
  if (value !== 0 && fills) setRow(w, k, { value, extra: at(s, f.heldExtra + h), position: preloadPosition(w), epoch, kind: PRELOAD });
  w.go(() => `worker ${worker} writes chunk ${KEY_NAMES[k]} (${showValue(value)}, epoch ${epoch})${value !== 0 && !fills ? ' - not filled: touched' : ''}: ${showRows(w, c)}`);
}

/** A new state in which the worker holds nothing. */
function begin(w: World, h: number): void {
  const { c, f } = w;
  w.begin();
  c[f.heldValue + h] = c[f.heldExtra + h] = c[f.heldEpoch + h] = c[f.heldDecision + h] = 0;
}

function readChunk(w: World, worker: number, k: number, reading: boolean): void {
  const { s, c, f, config } = w;
  if (config.keysCollide && k === 1) return;
  const h = worker * 2 + k;
  const wanted = reading && at(s, f.chunkDone + k) === 0;
  const late = config.lateRead && worker === 1 && at(s, f.epoch) > 0 && (reading || at(s, f.live) !== 0) && at(s, f.lateReadDone) === 0;
  if (!wanted && !late) return;
  w.begin();
  const from = config.keysCollide ? (at(s, f.visibleValue) !== 0 ? 0 : 1) : k;
  c[f.heldValue + h] = at(s, f.visibleValue + from);
  c[f.heldExtra + h] = at(s, f.visibleExtra + from);
  c[f.heldEpoch + h] = at(s, f.epoch);
  if (!wanted) c[f.lateReadDone] = 1;
  w.go(() => `worker ${worker} reads chunk ${KEY_NAMES[k]}: ${showValue(at(c, f.heldValue + h))}`);
}

/** One transaction closes the preload: sweep, markers nobody needs dropped, and after it the end of the log is read. */
function finish(w: World): void {
  const { s, c, f, config } = w;
  w.begin();
  c[f.phase] = 0;
  c[f.preloading] = 0;
  c[f.live] = 1;
  c[f.l0] = 0;
  if (config.endOfLogAt === 'finish') c[f.endOfLog] = at(s, f.events);
  c.fill(0, f.waitList, f.waitList + f.maxTx);
  const needed = config.keepOpenMarkers && (at(s, f.repairOpen) !== 0 || at(s, f.deadLetter) !== 0);
  for (const k of KEYS) {
    c[f.chunkDone + k] = 0;
    c[f.drifted + k] = 0;
    const version = versionOf(at(c, f.rowEpoch + k), at(c, f.rowKind + k), at(c, f.rowPosition + k));
    if (config.sweep && at(c, f.rowValue + k) !== 0 && isSwept(version, at(c, f.epoch))) clearRow(w, k);
    if (!needed) setMarker(w, k, 0, 0);
  }
  w.go(() => `all chunks done: sweep of older epochs, delete markers dropped, end of log read: ${showRows(w, c)}`);
}

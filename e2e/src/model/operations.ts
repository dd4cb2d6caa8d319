import { isRepeated } from './decisions';
import { at, bump, KEYS, KEY_NAMES, NONE } from './layout';
import { repairNow } from './repair';
import { canStream } from './streamer';
import { applyImage, logged, setMarker } from './warehouse';
import { showEvent, showRows, type World } from './world';

/** What happens to log and source from outside, and what operators do: retention, resets, gaps, a restored source. */
export function operationSteps(w: World): void {
  const { s, f, config } = w;
  for (let p = 0; p < config.partitions; p++) {
    if (at(s, f.retentionsLeft) > 0) retain(w, p);
    if (config.jump === 'separate') jump(w, p);
  }
  for (let p = 0; p < config.partitions; p++) if (at(s, f.resetsLeft) > 0) reset(w, p);
  if (at(s, f.gapsLeft) > 0) loseEvents(w);
  if (at(s, f.restoresLeft) > 0 && at(s, f.phase) === 0 && at(s, f.txCount) > 0) restore(w);
}

function retain(w: World, p: number): void {
  const { s, c, f, config } = w;
  const next = at(s, f.nextOffset + p);
  const last = config.retentionLoses ? at(s, f.logLength + p) : next;
  for (let start = at(s, f.logStart + p) + 1; start <= last; start++) {
    w.begin();
    bump(c, f.retentionsLeft, -1);
    c[f.logStart + p] = start;
    if (start > next) c[f.needsPreload] = 1;
    w.go(() => `partition ${p} loses offsets below ${start}${start > next ? ' (log gap)' : ''}`);
  }
}

function jump(w: World, p: number): void {
  const { s, c, f } = w;
  if (at(s, f.nextOffset + p) >= at(s, f.logStart + p)) return;
  w.begin();
  c[f.nextOffset + p] = at(s, f.logStart + p);
  w.go(() => `checkpoint of partition ${p} moves to log start ${at(s, f.logStart + p)}`);
}

function reset(w: World, p: number): void {
  const { s, c, f } = w;
  for (let offset = Math.max(at(s, f.logStart + p), at(s, f.startOffset + p)); offset < at(s, f.nextOffset + p); offset++) {
    w.begin();
    bump(c, f.resetsLeft, -1);
    c[f.nextOffset + p] = offset;
    c[f.highest + p] = 0;
    c[f.wasReset] = 1;
    w.go(() => `operator resets checkpoint of partition ${p} to offset ${offset}`);
  }
}

function loseEvents(w: World): void {
  const { s, c, f, config } = w;
  if (at(s, f.capturing) === 0 || at(s, f.captured) >= at(s, f.events) || at(s, f.zombieAt) !== NONE) return;
  w.begin();
  bump(c, f.gapsLeft, -1);
  captureFromEnd(w);
  c[f.phase] = 0;
  c[f.preloading] = 0;
  w.go(() => {
    const whole = Array.from(c.subarray(f.wholeFrom, f.wholeFrom + config.partitions)).join(', ');
    return `log gap: ${showEvent(w, s, at(s, f.captured))}..e${at(s, f.events) - 1} never reach the log; it is whole again from offsets ${whole}`;
  });
}

function restore(w: World): void {
  const { s, c, f } = w;
  w.begin();
  bump(c, f.restoresLeft, -1);
  captureFromEnd(w);
  c[f.clock] = 0;
  for (const k of KEYS) c[f.sourceValue + k] = c[f.visibleValue + k] = c[f.sourceExtra + k] = c[f.visibleExtra + k] = at(s, f.initialValue + k);
  w.go(() => 'source restored from backup: state as at the beginning, positions start again from 0');
}

function captureFromEnd(w: World): void {
  const { s, c, f } = w;
  c[f.captured] = c[f.captureFloor] = c[f.captureReached] = at(s, f.events);
  c[f.needsPreload] = 1;
  for (let p = 0; p < w.config.partitions; p++) c[f.wholeFrom + p] = at(s, f.logLength + p);
}

/** R7: an event is parked and the rest goes on; later it is replayed. */
export function deadLetterSteps(w: World): void {
  const { s, f, config } = w;
  if (at(s, f.parksLeft) > 0 && at(s, f.deadLetter) === 0) for (let p = 0; p < config.partitions; p++) park(w, p);
  if (at(s, f.deadLetter) !== 0) replay(w, at(s, f.deadLetter) - 1);
}

function park(w: World, p: number): void {
  const { s, c, f } = w;
  const offset = at(s, f.nextOffset + p);
  if (!canStream(w, p) || offset >= at(s, f.logLength + p)) return;
  w.begin();
  const { event, position } = logged(w, p, offset);
  if (isRepeated(position, at(s, f.highest + p))) return;
  bump(c, f.parksLeft, -1);
  c[f.deadLetter] = event + 1;
  c[f.deadLetterEpoch] = at(s, f.epoch);
  c[f.deadLetterPosition] = position;
  bump(c, f.nextOffset + p);
  c[f.highest + p] = position;
  c[f.history + event] = 1;
  w.go(() => `${showEvent(w, s, event)} goes to dead letters, the rest goes on`);
}

function replay(w: World, event: number): void {
  const { s, c, f, config } = w;
  const key = at(s, f.eventKey + event);
  if (config.replay === 'repair' && at(s, f.pendingTx + key) !== 0) return;
  w.begin();
  c[f.deadLetter] = 0;
  if (config.replay === 'repair') {
    repairNow(w, key);
    w.go(() => `dead letter ${showEvent(w, s, event)} replayed as a repair of ${KEY_NAMES[key] ?? ''}: ${showRows(w, c)}`);
    return;
  }
  const epoch = config.replay === 'plain' ? at(s, f.epoch) : at(s, f.deadLetterEpoch);
  applyImage(w, { event, kind: at(s, f.eventKind + event), key, position: at(s, f.deadLetterPosition) }, epoch);
  c[f.deadLetterEpoch] = c[f.deadLetterPosition] = 0;
  if (config.replay === 'with its epoch, markers kept' && at(c, f.preloading) === 0) for (const k of KEYS) setMarker(w, k, 0, 0);
  w.go(() => `dead letter ${showEvent(w, s, event)} replayed: ${showRows(w, c)}`);
}

import { at, bump, KEYS, NONE } from './layout';
import { showEvent, type World } from './world';

/** What capture does: starts, emits events into the log, restarts at an earlier one (at-least-once). */
export function captureSteps(w: World): void {
  const { s, c, f, config } = w;
  if (at(s, f.capturing) === 0) {
    w.begin();
    c[f.capturing] = 1;
    c[f.captured] = c[f.captureFloor] = c[f.captureReached] = at(s, f.events);
    c[f.zombieAt] = NONE;
    c[f.previousCommit] = NONE;
    for (const k of KEYS) c[f.valueAtCapture + k] = at(s, f.sourceValue + k);
    w.go(() => 'capture starts, confirmed running');
    return;
  }
  emitEvent(w, f.captured);
  if (at(s, f.zombieAt) !== NONE && config.zombieConnector) {
    emitEvent(w, f.zombieAt);
    w.begin();
    c[f.zombieAt] = NONE;
    w.go(() => 'old connector dies');
  }
  if (at(s, f.crashesLeft) > 0 && at(s, f.captured) > at(s, f.captureFloor)) restart(w);
}

function emitEvent(w: World, pointer: number): void {
  const { s, c, f, config } = w;
  const event = at(s, pointer);
  if (event >= at(s, f.events)) return;
  const p = w.partitionOf(at(s, f.eventKey + event));
  const length = at(s, f.logLength + p);
  if (length >= config.logEntries) return;
  const zombie = pointer === f.zombieAt;
  const tx = at(s, f.eventTx + event);
  const restarted = !zombie && at(s, f.previousCommit) !== NONE;
  w.begin();
  c[f.logEvent + w.entry(p, length)] = event;
  c[f.logPosition + w.entry(p, length)] =
    config.positions === 'commit' ? at(s, f.txPosition + tx) : restarted && config.emptyTransactions > 0 ? at(s, f.previousCommit) : at(s, f.txPrevious + tx);
  bump(c, f.logLength + p);
  bump(c, pointer);
  c[f.captureReached] = Math.max(at(c, f.captureReached), at(c, pointer));
  const next = at(c, pointer);
  // with the next transaction the connector knows the previous commit again
  if (restarted && (next >= at(s, f.events) || at(s, f.eventTx + next) !== tx)) c[f.previousCommit] = NONE;
  w.go(
    () =>
      `${zombie ? 'old connector' : 'capture'} emits ${showEvent(w, s, event)} to partition ${p} offset ${length}` +
      (config.positions === 'previous' ? ` with position ${at(c, f.logPosition + w.entry(p, length))}` : ''),
  );
}

function restart(w: World): void {
  const { s, c, f, config } = w;
  const last = config.lateOffsetFlush ? at(s, f.captureReached) : at(s, f.captured) - 1;
  for (let from = at(s, f.captureFloor); from <= last; from++) {
    if (from === at(s, f.captured)) continue;
    w.begin();
    bump(c, f.crashesLeft, -1);
    c[f.captured] = from;
    c[f.captureFloor] = from;
    if (config.zombieConnector && at(s, f.zombieAt) === NONE) c[f.zombieAt] = at(s, f.captured);
    if (config.positions === 'previous' && config.emptyTransactions > 0) c[f.previousCommit] = storedPrevious(w, from);
    w.go(() => `capture restarts at ${from < at(s, f.events) ? showEvent(w, s, from) : 'end'}${config.zombieConnector ? ' while the old one lives on' : ''}`);
  }
}

/** After a restart the previous commit is known from the stored offset only: that of a captured transaction. */
function storedPrevious(w: World, from: number): number {
  const { s, f, config } = w;
  if (from >= at(s, f.events)) return NONE;
  const tx = at(s, f.eventTx + from);
  return tx > 0 ? at(s, f.txPosition + tx - 1) : config.start === 'live' ? 2 : 0;
}

import { type TransactionShape } from './config';
import { at, bump, DELETE, KEYS, PUT, PUT_X, TRUNCATE } from './layout';
import { showEvent, type World } from './world';

type Change = readonly [kind: number, key: number];

interface Shape {
  /** Whether the transaction is possible for this key in the state at hand. */
  readonly possible?: (w: World, key: number) => boolean;
  readonly changes: (key: number) => readonly Change[] | null;
}

const holds = (w: World, key: number): boolean => at(w.s, w.f.sourceValue + key) !== 0;

/** A key change is a delete and a put, as Debezium sends it. */
const SHAPES: Readonly<Record<TransactionShape, Shape>> = {
  put: { changes: (k) => [[PUT, k]] },
  del: { possible: holds, changes: (k) => [[DELETE, k]] },
  move: { possible: (w, k) => holds(w, k) && !holds(w, 1 - k), changes: (k) => [[DELETE, k], [PUT, 1 - k]] },
  putput: { changes: (k) => [[PUT, k], [PUT, k]] },
  putdel: { changes: (k) => [[PUT, k], [DELETE, k]] },
  delput: { possible: holds, changes: (k) => [[DELETE, k], [PUT, k]] },
  putX: { possible: holds, changes: (k) => [[PUT_X, k]] },
  putputX: { changes: (k) => [[PUT, k], [PUT_X, k]] },
  trunc: { changes: (k) => (k === 0 ? [[TRUNCATE, 0]] : null) },
  truncput: { changes: (k) => [[TRUNCATE, 0], [PUT, k]] },
  puttrunc: { changes: (k) => [[PUT, k], [TRUNCATE, 0]] },
};

/** What the source does: transactions commit, become visible to reads, reach the replica. */
export function sourceSteps(w: World): void {
  const { s, c, f, config } = w;
  if (at(s, f.txCount) < config.transactions + config.emptyTransactions - at(s, f.emptyLeft)) {
    for (const shape of config.shapes) for (const k of KEYS) commitShape(w, shape, k);
  }
  if (at(s, f.emptyLeft) > 0 && at(s, f.capturing) !== 0) {
    w.begin();
    bump(c, f.emptyLeft, -1);
    bump(c, f.clock, 2);
    w.go(() => `source commits a transaction with no captured row, pos ${at(c, f.clock)}`);
  }
  if (config.visibilityLag) becomeVisible(w);
  if (config.replica && at(s, f.replicaAt) < at(s, f.events)) replay(w);
  if (config.openTransaction && at(s, f.openTx) === 1 && at(s, f.capturing) !== 0 && at(s, f.events) + 1 <= config.events) commitOpenTransaction(w);
}

function commitShape(w: World, name: TransactionShape, k: number): void {
  const { s, c, f, config } = w;
  const shape = SHAPES[name];
  if (shape.possible !== undefined && !shape.possible(w, k)) return;
  if (config.keysCollide && name !== 'move' && holds(w, 1 - k)) return;
  const changes = shape.changes(k);
  const open = config.openTransaction && at(s, f.openTx) === 1;
  if (changes === null || at(s, f.events) + changes.length > config.events - (open ? 1 : 0)) return;
  // the open transaction holds the lock on a
  if (open && changes.some(([, key]) => key === 0)) return;
  const locked = (key: number): boolean => at(s, f.pendingTx + key) !== 0;
  if (config.visibilityLag && changes.some(([kind, key]) => (kind === TRUNCATE ? locked(0) || locked(1) : locked(key)))) return;
  const tx = at(s, f.txCount);
  w.begin();
  commit(w, changes, tx);
  w.go(
    () =>
      `source commits T${tx} pos ${at(c, f.txPosition + tx)}${config.positions === 'previous' ? ` (event pos ${at(c, f.txPrevious + tx)})` : ''}: ` +
      `${changes.map((_, i) => showEvent(w, c, at(s, f.events) + i)).join(' ')}${config.visibilityLag ? ' (not yet visible to reads)' : ''}`,
  );
}

function commit(w: World, changes: readonly Change[], tx: number): void {
  const { c, f, config } = w;
  c[f.txPrevious + tx] = at(c, f.clock);
  bump(c, f.clock, 2);
  c[f.txPosition + tx] = at(c, f.clock);
  c[f.txCount] = tx + 1;
  for (const [kind, key] of changes) {
    const event = at(c, f.events);
    bump(c, f.events);
    c[f.eventKey + event] = key;
    c[f.eventKind + event] = kind;
    c[f.eventTx + event] = tx;
    for (const k of kind === TRUNCATE ? KEYS : [key]) {
      const value = kind === TRUNCATE || kind === DELETE ? 0 : event + 1;
      c[f.sourceValue + k] = value;
      if (kind !== PUT_X) c[f.sourceExtra + k] = value;
      if (config.visibilityLag) c[f.pendingTx + k] = tx + 1;
    }
  }
  if (!config.visibilityLag && !config.replica) for (const k of KEYS) showToReads(w, k);
}

function showToReads(w: World, k: number): void {
  const { c, f } = w;
  c[f.visibleValue + k] = at(c, f.sourceValue + k);
  c[f.visibleExtra + k] = at(c, f.sourceExtra + k);
}

function becomeVisible(w: World): void {
  const { s, c, f } = w;
  for (const k of KEYS) {
    const tx = at(s, f.pendingTx + k);
    if (tx === 0 || (k === 1 && at(s, f.pendingTx) === tx)) continue;
    w.begin();
    for (const q of KEYS) {
      if (at(s, f.pendingTx + q) !== tx) continue;
      showToReads(w, q);
      c[f.pendingTx + q] = 0;
    }
    w.go(() => `T${tx - 1} becomes visible to reads`);
  }
}

function replay(w: World): void {
  const { s, c, f } = w;
  w.begin();
  let event = at(s, f.replicaAt);
  const tx = at(s, f.eventTx + event);
  for (; event < at(s, f.events) && at(s, f.eventTx + event) === tx; event++) {
    const key = at(s, f.eventKey + event);
    const value = at(s, f.eventKind + event) === DELETE ? 0 : event + 1;
    c[f.visibleValue + key] = value;
    c[f.visibleExtra + key] = value;
  }
  c[f.replicaAt] = event;
  w.go(() => `replica replays T${tx}`);
}

/** The transaction open since before capture wrote a (not captured) and now writes b (captured), and commits. */
function commitOpenTransaction(w: World): void {
  const { s, c, f } = w;
  w.begin();
  const tx = f.maxTx - 1;
  const event = at(s, f.events);
  c[f.openTx] = 2;
  c[f.sourceValue] = 0x30;
  c[f.sourceExtra] = 0x30;
  c[f.txPrevious + tx] = at(c, f.clock);
  bump(c, f.clock, 2);
  c[f.txPosition + tx] = at(c, f.clock);
  bump(c, f.events);
  c[f.eventKey + event] = 1;
  c[f.eventKind + event] = PUT;
  c[f.eventTx + event] = tx;
  c[f.sourceValue + 1] = event + 1;
  c[f.sourceExtra + 1] = event + 1;
  for (const k of KEYS) showToReads(w, k);
  w.go(() => `open transaction commits pos ${at(c, f.clock)}: its change of a (made before capture began) is not captured, its change of b is`);
}

import fc from 'fast-check';
import { type RowEvent } from './change-event';
import { type ColumnType, type EventCell } from './column-type';
import { decimalKey, mappingOf, tx } from './core.fixture';
import { foldBatch, type FoldedTable } from './fold';
import { type LogPosition } from './position';
import { type TableMapping } from './table';

/**
 * Differential test: a random, consistent history of a small table is applied event by event to one map and, folded
 * in batches, to another. `same` is how the *databases* compare keys, which the fold may know (numeric) or not (a
 * case-insensitive type carried as `other`).
 */
interface Keys {
  readonly name: string;
  readonly type: ColumnType;
  readonly spellings: readonly string[];
  readonly same: (key: string) => string;
}

const kinds: readonly Keys[] = [
  { name: 'plain keys', type: { kind: 'integer', bits: 64 }, spellings: ['1', '2', '3', '4'], same: (k) => k },
  { name: 'numeric keys of several spellings', type: decimalKey, spellings: ['1', '1.0', '1.00', '2', '2.0', '-0', '0.0'], same: (k) => String(Number(k) + 0) },
  { name: 'keys whose equality is not known to the fold', type: { kind: 'other' }, spellings: ['a', 'A', 'b', 'B', 'c'], same: (k) => k.toLowerCase() },
];

type Rows = Map<string, readonly (string | null)[]>;

interface Step {
  readonly op: 'insert' | 'update' | 'move' | 'delete' | 'truncate';
  readonly pick: number;
  readonly to: number;
  readonly unknown: readonly [boolean, boolean];
  readonly newTransaction: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  op: fc.oneof(
    { weight: 4, arbitrary: fc.constant('insert' as const) },
    { weight: 5, arbitrary: fc.constant('update' as const) },
    { weight: 8, arbitrary: fc.constant('move' as const) },
    { weight: 3, arbitrary: fc.constant('delete' as const) },
    { weight: 1, arbitrary: fc.constant('truncate' as const) },
  ),
  pick: fc.nat(50),
  to: fc.nat(50),
  unknown: fc.tuple(fc.boolean(), fc.boolean()),
  newTransaction: fc.boolean(),
});

interface History {
  readonly events: readonly RowEvent[];
  /** `states[i]`: the source's rows after the first `i` events. */
  readonly states: readonly Rows[];
}

/** Turns random steps into events a database could really emit: what is impossible in the state at hand is left out. */
function play(steps: readonly Step[], keys: Keys, table: string): History {
  const rows: Rows = new Map();
  const events: RowEvent[] = [];
  const states: Rows[] = [new Map()];
  let position = 1;
  steps.forEach((s, n) => {
    if (s.newTransaction) position += 1;
    const event = eventOf(s, n, { rows, keys, table, position });
    if (event === null) return;
    events.push(event);
    states.push(new Map(rows));
  });
  return { events, states };
}

function eventOf(s: Step, n: number, on: { rows: Rows; keys: Keys; table: string; position: number }): RowEvent | null {
  const { rows, keys, table } = on;
  const base = { table, tx: tx(on.position) };
  const to = keys.spellings[s.to % keys.spellings.length] ?? '';
  const standing = [...rows.values()][s.pick % Math.max(rows.size, 1)];
  if (s.op === 'truncate') {
    rows.clear();
    return { op: 'truncate', ...base };
  }
  if (s.op === 'insert') {
    if (rows.has(keys.same(to))) return null;
    const row = [to, n % 3 === 0 ? null : `v${n}`, `w${n}`];
    rows.set(keys.same(to), row);
    // another partition carried the row that moved here
    return { op: 'insert', ...base, row: [to, ...row.slice(1).map((cell, i) => (s.unknown[i] ? undefined : cell))] };
  }
  if (standing === undefined) return null;
  const from = standing[0] ?? '';
  if (s.op === 'delete') {
    rows.delete(keys.same(from));
    return { op: 'delete', ...base, key: [from] };
  }
  const moves = s.op === 'move' && to !== from;
  if (moves && keys.same(to) !== keys.same(from) && rows.has(keys.same(to))) return null;
  // an unknown column is one the update left unchanged
  const after = [moves ? to : from, s.unknown[0] ? (standing[1] ?? null) : `v${n}`, s.unknown[1] ? (standing[2] ?? null) : `w${n}`];
  rows.delete(keys.same(from));
  rows.set(keys.same(after[0] ?? ''), after);
  const row: EventCell[] = after.map((cell, i) => (i > 0 && s.unknown[i - 1] ? undefined : cell));
  return { op: 'update', ...base, row, oldKey: moves ? [from] : null };
}

/** What a warehouse does with a folded table, in the order its contract names. `now`: the source, for rows read again by key. */
function applyFolded(rows: Rows, folded: FoldedTable | undefined, { same, now }: { same: Keys['same']; now: Rows }): void {
  if (folded === undefined) return;
  if (folded.truncate !== null) rows.clear();
  const id = (key: readonly string[]): string => same(key[0] ?? '');
  const carried = folded.rows.map((r) => (r.op === 'upsert' && r.carryFrom !== null ? rows.get(id(r.carryFrom)) : undefined));
  for (const row of folded.rows) if (row.op === 'delete') rows.delete(id(row.key));
  folded.rows.forEach((row, n) => {
    if (row.op !== 'upsert') return;
    const source = row.fresh ? now.get(id(row.key)) : row.carryFrom === null ? rows.get(id(row.key)) : carried[n];
    rows.set(
      id(row.key),
      row.cells.map((cell, i) => {
        if (cell !== undefined) return cell;
        if (source === undefined) throw new Error(`no row supplies column ${i} of ${row.key.join('/')}`);
        return source[i] ?? null;
      }),
    );
  });
}

const sorted = (rows: Rows): (readonly (string | null)[])[] => [...rows.values()].sort((a, b) => ((a[0] ?? '') < (b[0] ?? '') ? -1 : 1));

function batchesOf(history: History, cuts: readonly number[]): readonly (readonly [number, number])[] {
  const borders = [...new Set([0, ...cuts.map((c) => c % (history.events.length + 1)), history.events.length])].sort((a, b) => a - b);
  return borders.slice(1).map((to, i) => [borders[i] ?? 0, to] as const);
}

describe.each(kinds)('folding a history of $name', (keys) => {
  const mapping: TableMapping = mappingOf('t', [keys.type]);
  const mappings = new Map([[mapping.id, mapping]]);

  it('and applying the folds equals applying the events one by one, whatever the batches', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.array(fc.nat(40), { maxLength: 5 }), (steps, cuts) => {
        const history = play(steps, keys, mapping.id);
        const rows: Rows = new Map();
        let highest: LogPosition | null = null;
        for (const [from, to] of batchesOf(history, cuts)) {
          const folded = foldBatch(history.events.slice(from, to), mappings, highest);
          highest = folded.highest;
          applyFolded(rows, folded.tables[0], { same: keys.same, now: history.states[to] ?? new Map() });
          expect(folded.skipped).toBe(0);
          expect(sorted(rows)).toEqual(sorted(history.states[to] ?? new Map()));
        }
      }),
      { numRuns: 1500 },
    );
  });

  it('changes nothing when capture sends earlier transactions again', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 25 }), fc.nat(25), fc.nat(25), (steps, again, back) => {
        const { events, states } = play(steps, keys, mapping.id);
        // capture restarts at a transaction's first event, before the one in hand
        const until = again % (events.length + 1);
        const below = events.findIndex((event) => event.tx.position.equals(events[back % Math.max(until, 1)]?.tx.position ?? event.tx.position));
        const resumed = events.slice(Math.max(below, 0), until).filter((event) => event.tx.position.isBelow(events[until - 1]?.tx.position ?? event.tx.position));
        const rows: Rows = new Map();
        const folded = foldBatch([...events.slice(0, until), ...resumed, ...events.slice(until)], mappings, null);
        applyFolded(rows, folded.tables[0], { same: keys.same, now: states.at(-1) ?? new Map() });
        expect(folded.skipped).toBe(resumed.length);
        expect(sorted(rows)).toEqual(sorted(states.at(-1) ?? new Map()));
      }),
      { numRuns: 400 },
    );
  });
});

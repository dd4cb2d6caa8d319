import { type ChangeEvent } from './change-event';
import { decimalKey, eventsOf, integerKey, mappingOf, at, tx } from './core.fixture';
import { foldBatch, type FoldedRow, type FoldedTable } from './fold';
import { LogPosition } from './position';
import { type TableMapping } from './table';

const mapping = mappingOf('t', [integerKey]);
const e = eventsOf(mapping.id);

function foldTable(events: readonly ChangeEvent[], of: TableMapping = mapping): FoldedTable {
  return foldBatch(events, new Map([[of.id, of]]), null).tables[0]!;
}

/** A folded row in one line: `delete 1 @5`, `upsert 1 [1 a ?] @5 carry 2`; unknown is `?`, followed by `fresh` if no row that stands supplies it. */
function show(row: FoldedRow): string {
  const where = `@${row.position.toBigInt()}`;
  if (row.op === 'delete') return `delete ${row.key.join('/')} ${where}`;
  const cells = row.cells.map((c) => (c === undefined ? '?' : (c ?? 'NULL'))).join(' ');
  return `upsert ${row.key.join('/')} [${cells}] ${where}${row.carryFrom === null ? '' : ` carry ${row.carryFrom.join('/')}`}${row.fresh && row.cells.includes(undefined) ? ' fresh' : ''}`;
}

describe('a fold', () => {
  it.each<[string, readonly ChangeEvent[], readonly string[]]>([
    ['keeps the last value of each column', [e.insert(1, '1', 'a', 'b'), e.update(2, '1', 'c', 'd')], ['upsert 1 [1 c d] @2']],
    ['keeps the last known value where a later event does not carry it', [e.insert(1, '1', 'a', 'b'), e.update(2, '1', 'c', undefined)], ['upsert 1 [1 c b] @2']],
    ['keeps NULL as a known value', [e.insert(1, '1', 'a', null), e.update(2, '1', 'c', undefined)], ['upsert 1 [1 c NULL] @2']],
    ['leaves unknown what no event of the batch carried', [e.update(1, '1', 'a', undefined), e.update(2, '1', 'b', undefined)], ['upsert 1 [1 b ?] @2']],
    ['takes known columns from different events', [e.update(1, '1', 'a', undefined), e.update(2, '1', undefined, 'z')], ['upsert 1 [1 a z] @2']],
    ['forgets what stood before a delete', [e.update(1, '1', 'a', 'b'), e.remove(2, '1')], ['delete 1 @2']],
    ['forgets the deleted row when its key is inserted again', [e.update(1, '1', 'a', 'b'), e.remove(2, '1'), e.insert(3, '1', 'c', null)], ['upsert 1 [1 c NULL] @3']],
    ['an insert and its delete leave a delete, for the marker', [e.insert(1, '1', 'a', 'b'), e.remove(1, '1')], ['delete 1 @1']],
    ['keeps keys apart', [e.insert(1, '1', 'a', 'b'), e.insert(1, '2', 'a', 'b'), e.remove(2, '1')], ['delete 1 @2', 'upsert 2 [2 a b] @1']],
    ['a key change deletes the old key and carries the fold', [e.insert(1, '1', 'a', 'b'), e.move(2, ['1'], '2', 'c', undefined)], ['delete 1 @2', 'upsert 2 [2 c b] @2']],
    ['a key change carries the old row\'s columns', [e.move(2, ['1'], '2', 'c', undefined)], ['delete 1 @2', 'upsert 2 [2 c ?] @2 carry 1']],
    ['a key change that carries every column needs no other row', [e.move(2, ['1'], '2', 'c', 'd')], ['delete 1 @2', 'upsert 2 [2 c d] @2']],
    [
      'a chain of key changes carries from where the row stood before the batch',
      [e.move(1, ['1'], '2', 'a', undefined), e.move(2, ['2'], '3', 'b', undefined), e.update(3, '3', 'c', undefined)],
      ['delete 1 @1', 'delete 2 @2', 'upsert 3 [3 c ?] @3 carry 1'],
    ],
    [
      'a chain that comes to know the column carries nothing any more',
      [e.move(1, ['1'], '2', 'a', undefined), e.update(2, '2', 'a', 'z'), e.move(3, ['2'], '3', 'b', undefined)],
      ['delete 1 @1', 'delete 2 @3', 'upsert 3 [3 b z] @3'],
    ],
    [
      'a swap through a third key carries both rows from their old keys',
      [e.move(1, ['1'], '9', 'a', undefined), e.move(1, ['2'], '1', 'b', undefined), e.move(1, ['9'], '2', 'a', undefined)],
      ['upsert 1 [1 b ?] @1 carry 2', 'delete 9 @1', 'upsert 2 [2 a ?] @1 carry 1'],
    ],
    ['a move and back carries from the row\'s own key, read before the deletes', [e.move(1, ['1'], '2', 'a', undefined), e.move(2, ['2'], '1', 'b', undefined)], ['upsert 1 [1 b ?] @2 carry 1', 'delete 2 @2']],
    ['the freed key is used again', [e.move(1, ['1'], '2', 'a', undefined), e.insert(2, '1', 'n', 'm')], ['upsert 1 [1 n m] @2', 'upsert 2 [2 a ?] @1 carry 1']],
    ['a move onto a key deleted in the batch does not inherit from the deleted row', [e.update(1, '2', 'x', 'y'), e.remove(1, '2'), e.move(2, ['1'], '2', 'a', undefined)], ['delete 1 @2', 'upsert 2 [2 a ?] @2 carry 1']],
    ['an insert\'s unknown column is not that of a row that stands there', [e.insert(1, '1', 'a', undefined)], ['upsert 1 [1 a ?] @1 fresh']],
    ['nor is it that of the row deleted before it in the batch', [e.update(1, '1', 'x', 'y'), e.remove(2, '1'), e.insert(2, '1', 'a', undefined), e.update(3, '1', 'b', undefined)], ['upsert 1 [1 b ?] @3 fresh']],
    ['and it stays so at another key: nothing is carried', [e.insert(1, '1', 'a', undefined), e.move(2, ['1'], '2', 'b', undefined)], ['delete 1 @2', 'upsert 2 [2 b ?] @2 fresh']],
    ['until a later event carries it', [e.insert(1, '1', 'a', undefined), e.update(2, '1', undefined, 'z')], ['upsert 1 [1 a z] @2']],
  ])('%s', (_what, events, expected) => {
    expect(foldTable(events).rows.map(show).sort()).toEqual([...expected].sort());
  });

  it('takes equal keys of other spelling as one key and writes the last spelling', () => {
    const numeric = mappingOf('n', [decimalKey]);
    const n = eventsOf(numeric.id);
    expect(foldTable([n.insert(1, '1.0', 'a', 'b'), n.move(2, ['1.0'], '1.00', 'c', undefined)], numeric).rows.map(show)).toEqual(['upsert 1.00 [1.00 c b] @2']);
    expect(foldTable([n.move(2, ['1.0'], '1.00', 'c', undefined)], numeric).rows.map(show)).toEqual(['upsert 1.00 [1.00 c ?] @2']);
    expect(foldTable([n.insert(1, '1.0', 'a', 'b'), n.remove(2, '1.00')], numeric).rows.map(show)).toEqual(['delete 1.00 @2']);
  });

  it('of a truncate keeps its position and only what came after it', () => {
    const folded = foldTable([e.insert(1, '1', 'a', 'b'), e.truncate(2), e.insert(2, '2', 'c', 'd'), e.update(3, '2', 'e', undefined)]);
    expect(folded.truncate?.equals(at(2))).toBe(true);
    expect(folded.rows.map(show)).toEqual(['upsert 2 [2 e d] @3']);
    expect(foldTable([e.truncate(2), e.insert(3, '1', 'a', 'b'), e.truncate(4)])).toMatchObject({ truncate: at(4), rows: [], events: 3 });
    expect(foldTable([e.insert(1, '1', 'a', 'b')]).truncate).toBeNull();
  });

  it('skips re-emissions against a highest that is raised event by event', () => {
    const events = [e.insert(10, '1', 'a', 'b'), e.update(20, '1', 'c', 'd'), e.insert(10, '1', 'a', 'b'), e.update(20, '1', 'c', 'd'), e.update(30, '1', 'x', 'y')];
    const folded = foldBatch(events, new Map([[mapping.id, mapping]]), at(5));
    expect(folded.tables[0]!.rows.map(show)).toEqual(['upsert 1 [1 x y] @30']);
    expect([folded.events, folded.skipped, folded.highest?.toBigInt()]).toEqual([4, 1, 30n]);
    // the last event of the batch is the re-emission: without the running highest the older image would win
    const short = foldBatch(events.slice(0, 3), new Map([[mapping.id, mapping]]), at(5));
    expect(short.tables[0]!.rows.map(show)).toEqual(['upsert 1 [1 c d] @20']);
  });

  it.each([
    ['below the checkpoint\'s highest', 10, 1, 0],
    ['at the checkpoint\'s highest: the same transaction', 20, 0, 1],
    ['after a reset', null, 0, 1],
  ])('an event %s: skipped %i', (_what, position, skipped, events) => {
    const folded = foldBatch([e.insert(position ?? 1, '1', 'a', 'b')], new Map([[mapping.id, mapping]]), position === null ? null : at(20));
    expect([folded.skipped, folded.events]).toEqual([skipped, events]);
  });

  it('passes over tables without a mapping, keeps tables apart, and reads the counter', () => {
    const other = mappingOf('o', [integerKey]);
    const o = eventsOf(other.id);
    const gone = eventsOf('public.gone');
    const events = [e.insert(1, '1', 'a', 'b'), o.insert(2, '1', 'x', 'y'), gone.insert(3, '1', 'a', 'b'), e.counter(4, 7), e.counter(5, 8), e.remove(6, '1')];
    const folded = foldBatch(events, new Map([mapping, other].map((m) => [m.id, m])), null);
    expect(folded.tables.map((t) => [t.table, t.events, t.rows.map(show)])).toEqual([
      [mapping.id, 2, ['delete 1 @6']],
      [other.id, 1, ['upsert 1 [1 x y] @2']],
    ]);
    expect([folded.events, folded.skipped, folded.counter, folded.highest?.toBigInt()]).toEqual([3, 1, 8n, 6n]);
  });

  it('keeps why a table is to be loaded again, if it is mapped and the event no re-emission', () => {
    const events = [e.reload(5, 'truncated'), eventsOf('public.gone').reload(6, 'truncated'), e.insert(6, '1', 'a', 'b')];
    const folded = foldBatch(events, new Map([[mapping.id, mapping]]), at(5));
    expect([...folded.reloads]).toEqual([[mapping.id, 'truncated']]);
    expect([folded.events, folded.highest?.toBigInt()]).toEqual([1, 6n]);
    expect(foldBatch(events, new Map([[mapping.id, mapping]]), at(6)).reloads.size).toBe(0);
  });

  it('keeps what could not be decoded and tells no position, wherever the partition stands', () => {
    const poison: ChangeEvent = { op: 'poison', table: mapping.id, tx: { position: LogPosition.ZERO, committedAtUs: 0n }, key: null, bytes: new Uint8Array(), code: 'DEBEZIUM_MALFORMED', reason: 'no JSON' };
    expect(foldBatch([poison, { ...poison, tx: { ...poison.tx, position: at(6) } }], new Map([[mapping.id, mapping]]), at(7))).toMatchObject({ poison: [poison], skipped: 1, highest: at(7) });
  });

  it('of nothing is nothing, and keeps the highest', () => {
    expect(foldBatch([], new Map(), at(7))).toEqual({ tables: [], highest: at(7), events: 0, skipped: 0, counter: null, poison: [], reloads: new Map() });
  });

  it('raises the highest also by counters and passed-over tables', () => {
    const folded = foldBatch([e.counter(9, 1), e.insert(8, '1', 'a', 'b')], new Map([[mapping.id, mapping]]), null);
    expect([folded.skipped, folded.highest?.toBigInt()]).toEqual([1, 9n]);
  });
});

describe('the old system\'s silent losses', () => {
  it('a second order of one product: rows are told apart by their key, not by another column', () => {
    const orders = mappingOf('orders', [integerKey]); // c0 = id, c1 = product_id
    const o = eventsOf(orders.id);
    const folded = foldTable([o.insert(1, '10001', '102', '1'), o.insert(1, '10002', '102', '5'), o.insert(2, '10003', '102', '2')], orders);
    expect(folded.rows.map(show)).toEqual(['upsert 10001 [10001 102 1] @1', 'upsert 10002 [10002 102 5] @1', 'upsert 10003 [10003 102 2] @2']);
  });

  it('two changes of a row inside one clock tick: the clock is no order and no identity', () => {
    const same = 1_763_475_193_772_470n;
    const change = (n: number, value: string): ChangeEvent => ({ op: 'update', table: mapping.id, tx: { ...tx(n), committedAtUs: same }, row: ['1', value, 'b'], oldKey: null });
    const back = (n: number, value: string): ChangeEvent => ({ op: 'update', table: mapping.id, tx: { ...tx(n), committedAtUs: same - 1n }, row: ['1', value, 'b'], oldKey: null });
    // in two transactions of one tick, in one transaction, and with a clock that steps back
    for (const events of [[change(1, 'x'), change(2, 'y')], [change(1, 'x'), change(1, 'y')], [change(1, 'x'), back(2, 'y')]]) {
      const folded = foldTable(events);
      expect(folded.events).toBe(2);
      expect(folded.rows).toHaveLength(1);
      expect(folded.rows[0]).toMatchObject({ cells: ['1', 'y', 'b'] });
    }
  });

  it('a stream that goes on after its first batch: the next batch begins at the highest the first one left', () => {
    const mappings = new Map([[mapping.id, mapping]]);
    const first = foldBatch([e.insert(1, '1', 'a', 'b')], mappings, null);
    const second = foldBatch([e.update(1, '1', 'c', 'd'), e.insert(2, '2', 'e', 'f')], mappings, first.highest);
    expect([second.events, second.skipped]).toEqual([2, 0]);
    expect(second.tables[0]!.rows.map(show)).toEqual(['upsert 1 [1 c d] @1', 'upsert 2 [2 e f] @2']);
  });
});

import type { Cell, TableMapping } from '@elstream/core';
import { bytesOf, event, mappingOf, PIPELINE, WarehouseFixture, type WarehouseProduct } from '../fixture';
import { preload } from './history.fixture';

const END = '9999-12-31 23:59:59.999999+00';
const day = (n: number): string => `2026-01-0${String(n)} 00:00:00+00`;

/** A version as the source reads it: the last cell says whether it ended by a delete. */
const version = (id: string, note: string | null, days: readonly [number, number], deleted = false): Cell[] => [id, note, '{"a": 1}', day(days[0]), day(days[1]), deleted ? 't' : 'f'];

/** R13: versions copied from the history table that the source keeps. */
export function copiedHistoryContract(product: WarehouseProduct): void {
  const plain = mappingOf(product, 'orders', [
    ['id', 'int8', { kind: 'integer', bits: 64 }],
    ['note', 'text'],
    ['doc', 'json', { kind: 'json' }],
    ['valid_from', 'timestamptz', { kind: 'timestamp', zone: true }],
    ['valid_to', 'timestamptz', { kind: 'timestamp', zone: true }],
  ]);
  const orders: TableMapping = { ...plain, history: { kind: 'copied', target: { schema: 'target', name: 'orders_archive' }, source: { schema: 'public', name: 'orders_archive' }, period: { from: 3, to: 4 } } };

  describe('copied history', () => {
    let fx: WarehouseFixture;
    beforeEach(async () => {
      fx = await WarehouseFixture.of(product);
      await preload(fx, orders, [['1', 'now', null, day(5), END]]);
    });
    afterEach(async () => {
      await fx.drop();
    });
    const merge = async (rows: readonly (readonly Cell[])[], settles: readonly string[] = []): Promise<number> => fx.warehouse.mergeHistory({ pipeline: PIPELINE, mapping: orders, rows: bytesOf(rows), settles });
    const notes = async (): Promise<unknown[]> => (await fx.test.query<{ id: string | number; note: Cell; deleted: boolean }>('SELECT id, note, deleted FROM target.orders_archive ORDER BY id, valid_from')).map((r) => [Number(r.id), r.note, r.deleted]);
    const due = async () => fx.warehouse.dueHistory(PIPELINE, 100);

    it('adds what is not there yet, however often it is read', async () => {
      const rows = [version('1', 'a', [1, 2]), version('1', null, [2, 3]), version('1', '', [3, 5]), version('2', 'x', [1, 2], true)];
      expect(await merge(rows)).toBe(4);
      expect(await merge(rows)).toBe(0);
      expect(await merge([...rows, version('2', 'y', [3, 4], true)])).toBe(1);
      expect(await notes()).toEqual([[1, 'a', false], [1, null, false], [1, '', false], [2, 'x', true], [2, 'y', true]]);
    });

    it('keeps equal versions as often as the source has them', async () => {
      const twice = version('1', 'same', [2, 2]);
      expect(await merge([twice])).toBe(1);
      expect(await merge([twice, twice, twice])).toBe(2);
      expect(await merge([twice, twice])).toBe(0);
      expect(await notes()).toHaveLength(3);
    });

    it('an older read takes nothing away and says nothing new about the end of a version', async () => {
      await merge([version('1', 'a', [1, 2]), version('1', 'b', [2, 3], true)]);
      expect(await merge([version('1', 'a', [1, 2], true)])).toBe(0);
      expect(await notes()).toEqual([[1, 'a', false], [1, 'b', true]]);
    });

    it('merges of one table at once add a version once', async () => {
      const rows = Array.from({ length: 50 }, (_, i) => version(String(i), 'a', [1, 2]));
      const added = await Promise.all([merge(rows), merge(rows), merge(rows)]);
      expect(added.reduce((a, b) => a + b, 0)).toBe(50);
      expect(await notes()).toHaveLength(50);
    });

    product.itWith('openjson-escapes', 'keys of updates, moves and deletes are due, noted with their batch; those of inserts are not', async () => {
      const row = (id: string): Cell[] => [id, 'n', null, day(6), END];
      await fx.apply(orders, [event.insert(orders, 10, row('7')), event.update(orders, 11, row('1')), event.update(orders, 12, row('3'), ['2']), event.delete(orders, 13, '4'), event.update(orders, 14, row('1'))]);
      const noted = await due();
      expect(noted.map((d) => [d.table, d.key]).sort()).toEqual([[orders.id, ['1']], [orders.id, ['2']], [orders.id, ['3']], [orders.id, ['4']]]);
      expect(await fx.warehouse.checkHistory(orders)).toBeNull();
      await merge([version('1', 'now', [5, 6])], noted.slice(0, 3).map((d) => d.id));
      expect(await due()).toEqual(noted.slice(3));
      await fx.warehouse.noteDueHistory(PIPELINE, orders.id, [['9']]);
      expect((await due()).at(-1)).toMatchObject({ key: ['9'] });
    });

    it('a truncate makes every key due, and a batch that is lost notes nothing', async () => {
      const before = fx.checkpoint;
      await fx.apply(orders, [event.delete(orders, 10, '1'), event.truncate(orders, 11)]);
      expect((await due()).map((d) => d.key)).toEqual([null]);
      fx.checkpoint = before;
      expect(await fx.apply(orders, [event.delete(orders, 10, '1')])).toEqual({ outcome: 'lost' });
      expect(await due()).toHaveLength(1);
    });

    product.itWith('hundred-nanoseconds', 'shows the rows as of a time by the source’s own period', async () => {
      await merge([version('1', 'a', [1, 3]), version('1', 'b', [3, 5]), version('2', 'x', [2, 4], true)]);
      const at = async (n: number): Promise<string[]> => (await fx.test.query<{ note: string }>(`SELECT note FROM target.orders_as_of('${day(n)}:00') ORDER BY id`)).map((r) => r.note);
      expect([await at(1), await at(2), await at(3), await at(4), await at(5)]).toEqual([['a'], ['a', 'x'], ['b', 'x'], ['b'], ['now']]);
    });
  });
}

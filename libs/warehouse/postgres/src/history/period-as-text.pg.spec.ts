import type { Cell, TableMapping } from '@elstream/core';
import { event, mappingOf, WarehouseFixture } from '../warehouse.fixture';
import { preload } from './history.fixture';

const END = '9999-12-31 23:59:59.9999999';

describe('a period of 100 ns, which PostgreSQL keeps as text', () => {
  const kind = { kind: 'timestamp', zone: false } as const;
  const plain = mappingOf('items', [['id', 'int8', { kind: 'integer', bits: 64 }], ['name', 'text'], ['begun', 'text', kind], ['ended', 'text', kind]]);
  const prices: TableMapping = { ...plain, history: { kind: 'derived', target: { schema: 'target', name: 'items_archive' }, source: null, period: { from: 2, to: 3 } } };
  const row = (id: string, name: string, from: string): Cell[] => [id, name, from, END];

  it('bounds the versions of a row exactly, and finds the one of a moment', async () => {
    const fx = await WarehouseFixture.create();
    try {
      await preload(fx, prices, [row('1', 'one', '2026-01-01 00:00:00'), row('2', 'two', '2026-01-01 00:00:00')]);
      await fx.apply(prices, [event.update(prices, 10, row('1', 'a', '2026-01-02 10:20:30.4000001')), event.update(prices, 11, row('1', 'b', '2026-01-02 10:20:30.5'))]);
      await fx.apply(prices, [event.delete(prices, 20, '2')]);
      expect(await fx.db.query(`SELECT name, begun, ended FROM target.items_archive WHERE id = 1 ORDER BY begun COLLATE "C"`)).toEqual([
        { name: 'one', begun: '2026-01-01 00:00:00', ended: '2026-01-02 10:20:30.4000001' },
        { name: 'a', begun: '2026-01-02 10:20:30.4000001', ended: '2026-01-02 10:20:30.5' },
      ]);
      // the commit time of a delete, in the form of every other value; here before its begin, and so clamped
      expect(await fx.db.query(`SELECT ended FROM target.items_archive WHERE id = 2`)).toEqual([{ ended: '2026-01-01 00:00:00' }]);
      await fx.db.query(`SET DateStyle = 'SQL, DMY'`);
      const at = async (moment: string): Promise<unknown[]> => (await fx.db.query<{ name: string }>(`SELECT name FROM target.items_as_of($1) WHERE id = 1`, [`${moment}+00`])).map((r) => r.name);
      expect([await at('2026-01-02 10:20:30.4'), await at('2026-01-02 10:20:30.400001'), await at('2026-01-02 10:20:30.5'), await at('2026-01-03 00:00:00')]).toEqual([['one'], ['a'], ['b'], ['b']]);
    } finally {
      await fx.drop();
    }
  });
});

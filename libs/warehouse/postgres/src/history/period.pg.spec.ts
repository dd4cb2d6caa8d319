import type { Cell, TableMapping } from '@elstream/core';
import { bytesOf, event, mappingOf, WarehouseFixture } from '../warehouse.fixture';
import { padding, preload } from './history.fixture';

const END = '9999-12-31 23:59:59.999999';
const day = (n: number): string => `2026-01-0${String(n)} 00:00:00`;

describe.each([
  ['timestamptz', '+00', 0],
  ['timestamptz', '+00', 300],
  ['timestamp(3)', '', 0],
] as const)('derived history with a period of %s%s in the rows (%i more rows)', (type, zone, pads) => {
  let fx: WarehouseFixture;
  const kind = { kind: 'timestamp', zone: zone !== '' } as const;
  const plain = mappingOf('items', [['id', 'int8', { kind: 'integer', bits: 64 }], ['name', 'text'], ['body', 'text'], ['begun', type, kind], ['ended', type, kind]]);
  const prices: TableMapping = { ...plain, history: { kind: 'derived', target: { schema: 'target', name: 'items_archive' }, source: null, period: { from: 3, to: 4 } } };
  const end = type === 'timestamptz' ? END + zone : '9999-12-31 23:59:59.999';
  const row = (id: string, name: string, from: number): Cell[] => [id, name, null, day(from) + zone, end];
  const pad = (n: number) => padding(prices, n, pads).map((e) => (e.op === 'insert' ? { ...e, row: [...e.row, day(1) + zone, end] } : e));

  beforeEach(async () => {
    fx = await WarehouseFixture.create();
    await preload(fx, prices, [row('1', 'one', 1), row('2', 'two', 1), row('3', 'three', 1)]);
  });
  afterEach(async () => {
    await fx.drop();
  });
  /** Key, name, begin and end by day (`now` for commit times), deleted, approximate. */
  const versions = async (): Promise<unknown[]> =>
    (await fx.db.query<{ v: unknown }>(
      `SELECT json_build_array(id::text, name, extract(day FROM begun), CASE WHEN ended BETWEEN '2026-01-01' AND '2026-01-09' THEN extract(day FROM ended)::text ELSE 'other' END, deleted, __elstream_approximate) AS v
         FROM target.items_archive WHERE name <> 'pad' ORDER BY id, begun, ended`,
    )).map((r) => r.v);

  it('a version ends where the next begins by its own account, in and across batches', async () => {
    await fx.apply(prices, [...pad(10), event.update(prices, 10, row('1', 'a', 2)), event.update(prices, 11, row('1', 'b', 4))]);
    await fx.apply(prices, [...pad(20), event.update(prices, 20, row('1', 'c', 6)), event.delete(prices, 21, '2')]);
    expect(await versions()).toEqual([
      ['1', 'one', 1, '2', false, false],
      ['1', 'a', 2, '4', false, false],
      ['1', 'b', 4, '6', false, false],
      // its commit time is before its begin here: clamped
      ['2', 'two', 1, '1', true, true],
    ]);
    const at = async (n: number): Promise<string[]> => (await fx.db.query<{ name: string }>(`SELECT name FROM target.items_as_of($1) WHERE id = 1`, [`${day(n)}+00`])).map((r) => r.name);
    expect([await at(1), await at(2), await at(3), await at(4), await at(5), await at(6)]).toEqual([['one'], ['a'], ['a'], ['b'], ['b'], ['c']]);
    expect(await fx.warehouse.checkHistory(prices)).toMatchObject({ holes: 0 });
  });

  it('a re-preload leaves the changed and the swept row, a truncate every row', async () => {
    await preload(fx, prices, [row('1', 'one', 1), row('2', 'changed', 3)]);
    expect(await versions()).toEqual([['2', 'two', 1, '3', false, true], ['3', 'three', 1, 'other', true, true]]);
    await fx.apply(prices, [...pad(30), event.truncate(prices, 31)]);
    expect(await versions()).toHaveLength(4);
  });
});

describe('a re-preload for added columns', () => {
  it('does not count a row as changed for them', async () => {
    const fx = await WarehouseFixture.create();
    try {
      const two = mappingOf('items', [['id', 'int8', { kind: 'integer', bits: 64 }], ['name', 'text'], ['added', 'json']]);
      const mapping: TableMapping = { ...two, history: { kind: 'derived', target: { schema: 'target', name: 'items_archive' }, source: null, period: null } };
      await preload(fx, mapping, [['1', 'one', null], ['2', 'two', null]]);
      const again = await fx.beginPreload(mapping);
      await fx.warehouse.loadChunk({ pipeline: WarehouseFixture.pipeline, mapping, claim: await fx.claimTask(again.runId, mapping, again.epoch), rows: bytesOf([['1', 'one', '{}'], ['2', 'changed', '{}']]), added: ['added'] });
      await fx.finish(mapping, again.runId, again.epoch);
      expect(await fx.db.query('SELECT id::text AS id, name FROM target.items_archive')).toEqual([{ id: '2', name: 'two' }]);
    } finally {
      await fx.drop();
    }
  });
});

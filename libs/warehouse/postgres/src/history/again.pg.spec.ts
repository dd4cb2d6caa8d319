import { LogPosition, type RowEvent } from '@elstream/core';
import { historyAgainContract } from '@elstream/warehouse-contract';
import { postgres } from '../product.fixture';
import { event, WarehouseFixture } from '../warehouse.fixture';
import { items, preload, versions } from './history.fixture';

historyAgainContract(postgres);

const START = [['1', 'one', 'b1'], ['2', 'two', 'b2'], ['3', 'three', null]];

const at = (e: RowEvent, position: number): RowEvent => ({ ...e, tx: { ...e.tx, position: LogPosition.fromBigInt(BigInt(position), 8) } });
const change = (n: number): string => n.toString(16).padStart(8, '0');
/** Events with identities, as they come from a connector. */
const identified = (...events: readonly unknown[]): RowEvent[] => (events as RowEvent[]).map((e, n) => ({ ...e, change: change(n) }));

describe('the identity of changes in a history table', () => {
  let fx: WarehouseFixture;
  beforeEach(async () => {
    fx = await WarehouseFixture.create();
    await preload(fx, items, START);
  });
  afterEach(async () => {
    await fx.drop();
  });

  const has = async (): Promise<boolean> => (await fx.db.query(`SELECT 1 FROM pg_attribute WHERE attname = '__elstream_change' AND attrelid = 'target.items_archive'::regclass AND NOT attisdropped`)).length === 1;

  it('comes to the history table of an earlier release when its table is prepared; until then a direct stream does without', async () => {
    await fx.db.query('ALTER TABLE target.items_archive DROP COLUMN __elstream_change');
    await fx.apply(items, [event.update(items, 10, ['1', 'a', 'b1']), event.truncate(items, 11), event.insert(items, 12, ['1', 'one', 'b1'])]);
    expect(await has()).toBe(false);
    expect(await fx.warehouse.checkTables([items])).toEqual([]);
    await fx.warehouse.prepareTables(WarehouseFixture.pipeline, [items]);
    await fx.warehouse.prepareTables(WarehouseFixture.pipeline, [items]);
    expect(await has()).toBe(true);
    const events = identified(event.update(items, 20, ['1', 'b', 'b1']), event.truncate(items, 21));
    for (let i = 0; i < 2; i += 1) for (const one of events) await fx.apply(items, [at(one, 30 + i)]);
    expect((await versions(fx)).map((v) => [v.row[0], v.row[1], v.to, v.deleted])).toEqual([['1', 'one', 10, false], ['1', 'a', 11, true], ['1', 'one', 20, false], ['1', 'b', 21, true], ['2', 'two', 11, true], ['3', 'three', 11, true]]);
  });

  it('costs nothing where events carry none: the index stays empty', async () => {
    await fx.apply(items, [event.update(items, 10, ['1', 'a', 'b1']), event.delete(items, 11, '2')]);
    expect(await fx.db.query(`SELECT i.indexrelid::regclass::text LIKE '%elstream_change%' AS ours, pg_relation_size(i.indexrelid) <= 8192 AS empty FROM pg_index i WHERE i.indrelid = 'target.items_archive'::regclass AND i.indpred IS NOT NULL`)).toEqual([{ ours: true, empty: true }]);
  });
});

import { LogPosition, type EventCell, type RowEvent } from '@elstream/core';
import { event, WarehouseFixture } from '../warehouse.fixture';
import { asOf, begins, items, padding, preload, versions } from './history.fixture';
import { asTexts, HistoryModel } from './workload.fixture';

const START = [['1', 'one', 'b1'], ['2', 'two', 'b2'], ['3', 'three', null]];

const at = (e: RowEvent, position: number): RowEvent => ({ ...e, tx: { ...e.tx, position: LogPosition.fromBigInt(BigInt(position), 8) } });
const change = (n: number): string => n.toString(16).padStart(8, '0');
/** Events with identities, as they come from a connector. */
const identified = (...events: readonly unknown[]): RowEvent[] => (events as RowEvent[]).map((e, n) => ({ ...e, change: change(n) }));

describe.each([['small writes', 0], ['bulk writes', 250]])('derived history of events that are emitted again, by %s', (_name, pads) => {
  let fx: WarehouseFixture;
  let offset = 0;
  beforeEach(async () => {
    offset = 0;
    fx = await WarehouseFixture.create();
    await preload(fx, items, START);
  });
  afterEach(async () => {
    await fx.drop();
  });

  /** `offsets`: positions are the partition's offsets, as of PostgreSQL through Debezium; else those of commits, as of SQL Server. */
  const apply = async (events: readonly RowEvent[], offsets: boolean): Promise<void> => {
    const sent = offsets ? events.map((e) => at(e, 1_000 + (offset += 1))) : events;
    const [first] = sent;
    if (first === undefined) throw new Error('no events');
    // another batch of the same position has other padding
    const pad = padding(Number(first.tx.position.toBigInt()), pads).map((p, i) => ({ ...p, row: [String(2_000_000 + (offset += 1) * 1_000 + i), 'pad', null] }) as RowEvent);
    expect(await fx.apply(items, [...pad, ...sent])).toMatchObject({ outcome: 'applied' });
  };
  const lines = async (): Promise<unknown[]> => (await versions(fx)).map((v) => [v.row[0], v.row[1], v.from, v.to, v.deleted, v.approximate]);

  interface Case {
    readonly what: string;
    readonly events: readonly RowEvent[];
    readonly ended: readonly unknown[];
    readonly begins: Record<string, number | null>;
  }
  const same = (n: number, ...events: readonly unknown[]): unknown[] => (events as RowEvent[]).map((e) => ({ ...e, tx: { position: LogPosition.fromBigInt(BigInt(n), 8), committedAtUs: BigInt(n) } }));
  const cases: readonly Case[] = [
    {
      what: 'two updates of a row',
      events: identified(...same(10, event.update(items, 10, ['1', 'a', 'b1']), event.update(items, 10, ['1', 'b', 'b1']))),
      ended: [['1', 'one', null, 10, false, false], ['1', 'a', 10, 10, false, false]],
      begins: { 1: 10, 2: null, 3: null },
    },
    {
      what: 'an insert, an update and a delete',
      events: identified(...same(10, event.insert(items, 10, ['7', 'a', null]), event.update(items, 10, ['7', 'b', null]), event.delete(items, 10, '7'))),
      ended: [['7', 'a', 10, 10, false, false], ['7', 'b', 10, 10, true, false]],
      begins: { 1: null, 2: null, 3: null },
    },
    {
      what: 'a delete, and an insert of the key',
      events: identified(...same(10, event.delete(items, 10, '1'), event.insert(items, 10, ['1', 'again', null]))),
      ended: [['1', 'one', null, 10, true, false]],
      begins: { 1: 10, 2: null, 3: null },
    },
    {
      what: 'a key that moves, and another row that takes its place',
      events: identified(...same(10, event.update(items, 10, ['9', 'moved', 'b1'], ['1']), event.insert(items, 10, ['1', 'new', null]), event.update(items, 10, ['9', 'later', 'b1']))),
      ended: [['1', 'one', null, 10, true, false], ['9', 'moved', 10, 10, false, false]],
      begins: { 1: 10, 2: null, 3: null, 9: 10 },
    },
    {
      what: 'a key change as delete and insert',
      events: identified(...same(10, event.delete(items, 10, '1'), event.insert(items, 10, ['9', 'moved', 'b1']))),
      ended: [['1', 'one', null, 10, true, false]],
      begins: { 2: null, 3: null, 9: 10 },
    },
  ];

  it.each(cases.flatMap((c) => [{ ...c, offsets: false, where: 'at its position' }, { ...c, offsets: true, where: 'at other positions' }]))('of $what, emitted again $where, whole or from its middle, holds each version once', async ({ events, ended, offsets, begins: since }) => {
    const [first, ...rest] = events;
    if (first === undefined) return;
    // in one batch, then batch by batch, then its tail
    await apply([...events, ...rest], offsets);
    expect(await lines()).toEqual(ended);
    for (const one of events) await apply([one], offsets);
    await apply(rest, offsets);
    expect(await lines()).toEqual(ended);
    expect(await begins(fx)).toEqual(since);
    expect(await fx.warehouse.checkHistory(items)).toMatchObject({ versions: ended.length, holes: 0 });
    // what is new is told from what comes again
    await apply([{ ...(event.update(items, 20, ['2', 'now', 'b2']) as RowEvent), change: change(99) }], offsets);
    expect(await lines()).toEqual([...ended, ['2', 'two', null, 20, false, false]].sort((a, b) => Number((a as unknown[])[0]) - Number((b as unknown[])[0])));
  });

  it.each([['within the transaction, at its position', false, 5], ['of any length, at other positions', true, 6]])('under a random workload, with re-emissions %s, is that of the events written once', async (_what, offsets, seed) => {
    const model = new HistoryModel(seed, START);
    const rows = new Map<string, readonly EventCell[]>(START.map((r) => [r[0] ?? '', r]));
    let [n, recent]: [number, RowEvent[]] = [0, []];
    for (let batch = 0; batch < 8; batch += 1) {
      const events = (model.batch(20) as RowEvent[]).map((e) => ({ ...whole(e, rows), change: change((n += 1)) }));
      recent = offsets ? [...recent, ...events].slice(-30) : events.filter((e) => e.tx.position.equals(events.at(-1)?.tx.position ?? LogPosition.ZERO));
      await apply(events, offsets);
      const again = recent.slice((batch * 7) % recent.length);
      if (batch % 2 === 0) await apply(again, offsets);
      else for (const half of [again.slice(0, again.length >> 1), again.slice(again.length >> 1)]) if (half.length > 0) await apply(half, offsets);
    }
    expect(asTexts(await versions(fx))).toEqual(asTexts(model.versions));
    expect(await begins(fx)).toEqual(Object.fromEntries([...model.live].map(([id, l]) => [id, l.from])));
    expect(await asOf(fx, model.now - 20)).toEqual(model.asOf(model.now - 20));
  });
});

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

/** The event with every column, since a row that is gone when its event comes again would have to be read from the source. */
function whole(e: RowEvent, rows: Map<string, readonly EventCell[]>): RowEvent {
  switch (e.op) {
    case 'truncate':
      rows.clear();
      return e;
    case 'delete':
      rows.delete(e.key[0] ?? '');
      return e;
    case 'insert':
    case 'update': {
      const from = e.op === 'update' ? (e.oldKey?.[0] ?? e.row[0] ?? '') : '';
      const row = e.row.map((cell, i) => (cell === undefined ? rows.get(from)?.[i] : cell));
      rows.delete(from);
      rows.set(row[0] ?? '', row);
      return { ...e, row };
    }
  }
  return e satisfies never;
}

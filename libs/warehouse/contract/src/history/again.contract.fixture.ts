import { LogPosition, type EventCell, type RowEvent } from '@elstream/core';
import { event, WarehouseFixture, type WarehouseProduct } from '../fixture';
import { asOf, begins, itemsWithHistory, padding, preload, versions } from './history.fixture';
import { asTexts, HistoryModel } from './workload.fixture';

const START = [['1', 'one', 'b1'], ['2', 'two', 'b2'], ['3', 'three', null]];

const at = (e: RowEvent, position: number): RowEvent => ({ ...e, tx: { ...e.tx, position: LogPosition.fromBigInt(BigInt(position), 8) } });
const change = (n: number): string => n.toString(16).padStart(8, '0');
/** Events with identities, as they come from a connector. */
const identified = (...events: readonly unknown[]): RowEvent[] => (events as RowEvent[]).map((e, n) => ({ ...e, change: change(n) }));

/** R13: events that are emitted again leave each version once. */
export function historyAgainContract(product: WarehouseProduct): void {
  const items = itemsWithHistory(product);

  const WAYS = [['small writes', 0], ['bulk writes', 250]] as const;
  // a change is known by its bytes, which come as hexadecimal digits
  for (const [name, pads] of WAYS) product.describeWith('binary-styles', `derived history of events that are emitted again, by ${name}`, () => {
    let fx: WarehouseFixture;
    let offset = 0;
    beforeEach(async () => {
      offset = 0;
      fx = await WarehouseFixture.of(product);
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
      const pad = padding(items, Number(first.tx.position.toBigInt()), pads).map((p, i) => ({ ...p, row: [String(2_000_000 + (offset += 1) * 1_000 + i), 'pad', null] }) as RowEvent);
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
      const model = new HistoryModel(items, seed, START);
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
}

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

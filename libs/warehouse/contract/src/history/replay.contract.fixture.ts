import { LogPosition, type Cell, type ParkedEvent } from '@elstream/core';
import type { RepairOutcome } from '@elstream/warehouse';
import { event, PIPELINE, WarehouseFixture, type WarehouseProduct } from '../fixture';
import { begins, itemsWithHistory, preload, versions } from './history.fixture';

/** R7, R13: what replayed dead letters leave in history. */
export function replayedHistoryContract(product: WarehouseProduct): void {
  const items = itemsWithHistory(product);

  describe('derived history of replayed dead letters (R7, R13)', () => {
    let fx: WarehouseFixture;
    beforeEach(async () => {
      fx = await WarehouseFixture.of(product);
      await preload(fx, items, [['1', 'one', 'b1']]);
      await fx.apply(items, [event.insert(items, 10, ['2', 'two', null])]);
    });
    afterEach(async () => {
      await fx.drop();
    });
    /** Parks an event of 20 µs, then repairs its key to the source's row. */
    const replay = async (op: ParkedEvent['op'], key: string, row: Cell[] | null, settle = true): Promise<readonly RepairOutcome[]> => {
      const parked: ParkedEvent = { table: items.id, origin: 'stream', op, key: [key], oldKey: null, row: null, bytes: Buffer.from('x'), code: 'X', reason: 'x', position: LogPosition.fromBigInt(20n, 8), committedAtUs: 20n };
      await fx.apply(items, [], new Map(), { parked: [parked] });
      const [letter] = await fx.deadLetters();
      const stands = await fx.warehouse.readStanding(items, [[key]]);
      const entry = { key: [key], expect: stands.at[0]!.standing, row, ...(settle ? { settles: letter!.id } : {}) };
      return fx.warehouse.repairRows({ pipeline: PIPELINE, mapping: items, epoch: stands.epoch, truncated: stands.truncated, entries: [entry], readUntil: LogPosition.fromBigInt(50n, 8) });
    };

    it('an update leaves the version it ended, marked approximate, and the row begins there', async () => {
      expect(await replay('update', '2', ['2', 'zwei', null])).toEqual(['written']);
      expect(await versions(fx)).toEqual([{ row: ['2', 'two', null], from: 10, to: 20, deleted: false, approximate: true }]);
      expect(await begins(fx)).toMatchObject({ 2: 20 });
    });

    it('a delete leaves it as deleted', async () => {
      expect(await replay('delete', '2', null)).toEqual(['deleted']);
      expect(await versions(fx)).toEqual([{ row: ['2', 'two', null], from: 10, to: 20, deleted: true, approximate: true }]);
    });

    it('an insert leaves none, and its row begins at its commit', async () => {
      expect(await replay('insert', '3', ['3', 'three', null])).toEqual(['written']);
      expect(await versions(fx)).toEqual([]);
      expect(await begins(fx)).toMatchObject({ 3: 20 });
    });

    it('one of which nothing is known but the key leaves none, and its row has no begin', async () => {
      expect(await replay('poison', '3', ['3', 'three', null])).toEqual(['written']);
      expect(await replay('poison', '2', ['2', 'zwei', null])).toEqual(['written']);
      expect(await versions(fx)).toEqual([]);
      expect(await begins(fx)).toMatchObject({ 3: null, 2: 10 });
    });

    it('one that finds the row as it should be, and a repair that is no replay, leave none', async () => {
      expect(await replay('update', '2', ['2', 'two', null])).toEqual(['unchanged']);
      expect(await replay('update', '1', ['1', 'eins', null], false)).toEqual(['written']);
      expect(await versions(fx)).toEqual([]);
      expect(await begins(fx)).toEqual({ 1: null, 2: 10 });
    });
  });
}

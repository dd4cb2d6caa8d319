import { LogPosition } from '@elstream/core';
import { event, mappingOf, PIPELINE, WarehouseFixture, type WarehouseProduct } from './fixture';

/** R4: epochs, fills, tasks, the end of a preload. */
export function preloadContract(product: WarehouseProduct): void {
  const items = mappingOf(product, 'items', [['id', 'int8', { kind: 'integer', bits: 64 }], ['name', 'text']]);

  describe('preloading a table (R4)', () => {
    let fx: WarehouseFixture;
    let runId: string;
    let epoch: number;

    beforeEach(async () => {
      fx = await WarehouseFixture.of(product);
      ({ runId, epoch } = await fx.beginPreload(items));
    });
    afterEach(async () => {
      await fx.drop();
    });
    const load = async (rows: [string, string][]): Promise<unknown> => fx.loadChunk(items, await fx.claimTask(runId, items, epoch), rows);
    const markers = async (): Promise<number> => fx.markers(items);

    it('fills empty places, and counts what it read', async () => {
      expect(await load([['1', 'a'], ['2', 'b']])).toEqual({ outcome: 'done', rowsRead: 2, rowsFilled: 2, rowsParked: 0 });
      expect(await fx.rows(items)).toEqual([['1', 'a'], ['2', 'b']]);
      expect((await fx.warehouse.readTableStates(PIPELINE))[0]).toMatchObject({ phase: 'preloading', rowsPreloaded: 2, epoch });
    });

    it('does not fill a place the stream has touched in this epoch, by a row or by a delete', async () => {
      await fx.apply(items, [event.insert(items, 5, ['1', 'streamed']), event.delete(items, 6, '2')]);
      expect(await load([['1', 'older'], ['2', 'deleted meanwhile'], ['3', 'c']])).toEqual({ outcome: 'done', rowsRead: 3, rowsFilled: 1, rowsParked: 0 });
      expect(await fx.rows(items)).toEqual([['1', 'streamed'], ['3', 'c']]);
      expect(await markers()).toBe(1);
    });

    it('a row inserted after its delete takes the delete marker’s place', async () => {
      await fx.apply(items, [event.delete(items, 6, '2')]);
      await fx.apply(items, [event.insert(items, 7, ['2', 'again'])]);
      expect(await markers()).toBe(0);
      await load([['2', 'older']]);
      expect(await fx.rows(items)).toEqual([['2', 'again']]);
    });

    it('fills nothing any more once the table was truncated in this epoch', async () => {
      await fx.apply(items, [event.truncate(items, 9), event.insert(items, 9, ['7', 'after'])]);
      expect(await load([['1', 'before']])).toEqual({ outcome: 'done', rowsRead: 1, rowsFilled: 0, rowsParked: 0 });
      expect(await fx.rows(items)).toEqual([['7', 'after']]);
    });

    it('a stalled duplicate of a chunk worker writes nothing after another finished the task', async () => {
      const stalled = await fx.claimTask(runId, items, epoch);
      await fx.store.releaseAbandoned({ olderThanMs: 0 });
      const second = await fx.claimTask(runId, items, epoch);
      expect((await fx.loadChunk(items, second, [['1', 'fresh']])).outcome).toBe('done');
      await fx.apply(items, [event.delete(items, 8, '1')]);
      expect(await fx.loadChunk(items, stalled, [['1', 'stale']])).toEqual({ outcome: 'lost' });
      expect(await fx.rows(items)).toEqual([]);
    });

    it('a stalled worker that goes on while a second one works its task writes nothing, neither as a chunk nor as an end of the preload', async () => {
      const stalled = await fx.claimTask(runId, items, epoch);
      await fx.store.releaseAbandoned({ olderThanMs: 0 });
      const second = await fx.claimTask(runId, items, epoch);
      expect(second).toMatchObject({ taskId: stalled.taskId, attempt: stalled.attempt + 1 });
      expect(await fx.loadChunk(items, stalled, [['1', 'of the stalled one']])).toEqual({ outcome: 'lost' });
      expect(await fx.rows(items)).toEqual([]);
      expect((await fx.loadChunk(items, second, [['2', 'of the second']])).outcome).toBe('done');
      expect(await fx.rows(items)).toEqual([['2', 'of the second']]);
      const finishing = await fx.claimTask(runId, items, epoch, 'finish-table');
      await fx.store.releaseAbandoned({ olderThanMs: 0 });
      await fx.claimTask(runId, items, epoch, 'finish-table');
      expect(await fx.warehouse.finishPreload(PIPELINE, items, finishing)).toEqual({ outcome: 'lost', rowsSwept: 0 });
    });

    it('a chunk read for an earlier run of the table writes nothing into the later epoch', async () => {
      const stalled = await fx.claimTask(runId, items, epoch);
      const later = await fx.beginPreload(items);
      expect(later.epoch).toBe(epoch + 1);
      expect(await fx.loadChunk(items, stalled, [['1', 'stale']])).toEqual({ outcome: 'lost' });
    });

    it('a worker that slept while its run ended cannot take the table from the next run', async () => {
      const later = await fx.beginPreload(items);
      await expect(fx.warehouse.beginPreload(PIPELINE, items, runId)).rejects.toMatchObject({ code: 'RUN_ENDED', recovery: 'lost' });
      expect((await fx.warehouse.readTableStates(PIPELINE))[0]).toMatchObject({ epoch: later.epoch, runId: later.runId });
    });

    it('finishing sweeps rows of older epochs, drops the markers and waits for H before the table is live', async () => {
      await load([['1', 'a'], ['2', 'b'], ['3', 'c']]);
      await fx.finish(items, runId, epoch);
      const again = await fx.beginPreload(items);
      await fx.apply(items, [event.update(items, 20, ['2', 'touched']), event.delete(items, 21, '3')]);
      await fx.loadChunk(items, await fx.claimTask(again.runId, items, again.epoch), [['4', 'd']]);
      const claim = await fx.claimTask(again.runId, items, again.epoch, 'finish-table');
      expect(await fx.warehouse.finishPreload(PIPELINE, items, claim)).toEqual({ outcome: 'done', rowsSwept: 1 });
      expect(await fx.rows(items)).toEqual([['2', 'touched'], ['4', 'd']]);
      expect(await markers()).toBe(0);
      await fx.warehouse.setLiveAt(PIPELINE, items.id, again.epoch, LogPosition.fromBigInt(40n, 8));
      expect(await fx.warehouse.promoteLive(PIPELINE, (h) => h.toBigInt() < 40n)).toEqual([]);
      expect(await fx.warehouse.promoteLive(PIPELINE, (h) => h.toBigInt() <= 40n)).toEqual([items.id]);
      // a crash after finishing repeats the task: nothing happens twice
      expect(await fx.warehouse.finishPreload(PIPELINE, items, claim)).toEqual({ outcome: 'done', rowsSwept: 0 });
    });

    it('is not finished while a chunk is open', async () => {
      await fx.claimTask(runId, items, epoch);
      const claim = await fx.claimTask(runId, items, epoch, 'finish-table');
      expect(await fx.warehouse.finishPreload(PIPELINE, items, claim)).toEqual({ outcome: 'lost', rowsSwept: 0 });
    });

    it('the first preload row of a new epoch replaces a stream row of the older one', async () => {
      await fx.apply(items, [event.insert(items, 30, ['1', 'old epoch'])]);
      const again = await fx.beginPreload(items);
      await fx.loadChunk(items, await fx.claimTask(again.runId, items, again.epoch), [['1', 'read now']]);
      expect(await fx.rows(items)).toEqual([['1', 'read now']]);
    });

    it('a log gap moves the checkpoint, raises generation and epochs, and events wait for the next preload', async () => {
      await load([['1', 'a']]);
      const zombie = fx.checkpoint;
      const next = zombie.next;
      const declare = () => fx.warehouse.declareGap({ pipeline: PIPELINE, moves: [{ partition: zombie.partition, from: zombie, next }], tables: [items.id], marked: false, reason: 'test' });
      await declare();
      const gap = await fx.warehouse.readCheckpoint(PIPELINE, zombie.partition);
      // one who found the same gap and slept meanwhile moves nothing
      await expect(declare()).rejects.toMatchObject({ code: 'CHECKPOINT_MOVED', recovery: 'retry' });
      if (gap === null) throw new Error('no checkpoint');
      expect(gap).toMatchObject({ generation: zombie.generation + 1, highest: null });
      expect((await fx.warehouse.readTableStates(PIPELINE))[0]).toMatchObject({ phase: 'new', epoch: epoch + 1 });
      expect((await fx.apply(items, [event.insert(items, 50, ['9', 'zombie'])])).outcome).toBe('lost');
      fx.checkpoint = gap;
      expect((await fx.apply(items, [event.insert(items, 50, ['9', 'passed over'])])).outcome).toBe('applied');
      expect(await fx.rows(items)).toEqual([['1', 'a']]);
    });
  });
}

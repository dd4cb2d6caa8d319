import { LogPosition, StreamOffset, type ChangeEvent, type Checkpoint } from '@elstream/core';
import type { TableState } from '@elstream/warehouse';
import { event, mappingOf, PIPELINE, WarehouseFixture, type WarehouseProduct } from './fixture';

/** Checkpoints, log gaps and the marks of tables to be loaded again. */
export function checkpointsContract(product: WarehouseProduct): void {
  const items = mappingOf(product, 'items', [['id', 'int8', { kind: 'integer', bits: 64 }], ['name', 'text']]);
  const [first, second] = ['inv.public.items-2', 'inv.public.items-10'];
  const at = (n: number): StreamOffset => StreamOffset.kafka(BigInt(n));

  describe('checkpoints and log gaps', () => {
    let fx: WarehouseFixture;
    beforeEach(async () => {
      fx = await WarehouseFixture.of(product);
      await fx.warehouse.dropCheckpoints(PIPELINE, ['0']);
      for (const partition of [second, first]) await fx.warehouse.createCheckpoint(PIPELINE, partition, at(0));
    });
    afterEach(async () => {
      await fx.drop();
    });

    const checkpointOf = async (partition: string): Promise<Checkpoint> => {
      const found = await fx.warehouse.readCheckpoint(PIPELINE, partition);
      if (found === null) throw new Error('no checkpoint');
      return found;
    };
    const stateOf = async (): Promise<TableState | undefined> => (await fx.warehouse.readTableStates(PIPELINE)).find((s) => s.table === items.id);
    const counter = (position: number, value: bigint): ChangeEvent => ({ op: 'counter', tx: { position: LogPosition.fromBigInt(BigInt(position), 8), committedAtUs: 1n }, value, gapless: true });
    const declare = async (moves: readonly { partition: string; from?: Checkpoint; next: StreamOffset }[], marked = true): Promise<void> => fx.warehouse.declareGap({ pipeline: PIPELINE, moves, tables: [items.id], marked, reason: 'retention' });

    it('are read all at once, in the order of their numbers, and forgotten by name', async () => {
      expect((await fx.warehouse.readCheckpoints(PIPELINE)).map((c) => c.partition)).toEqual([first, second]);
      await fx.warehouse.dropCheckpoints(PIPELINE, [first, 'inv.public.other-0']);
      expect(await fx.warehouse.readCheckpoints(PIPELINE)).toEqual([await checkpointOf(second)]);
      await fx.warehouse.dropCheckpoints(PIPELINE, []);
      expect(await fx.warehouse.readCheckpoints('another')).toEqual([]);
    });

    it('keep the last counter number, which batches without one leave as it is', async () => {
      await fx.beginPreload(items);
      expect((await checkpointOf(first)).counter).toBeNull();
      const applied = await fx.apply(items, [counter(5, 9_007_199_254_740_993n)], new Map(), { checkpoint: await checkpointOf(first) });
      expect(applied).toMatchObject({ outcome: 'applied', checkpoint: { counter: 9_007_199_254_740_993n } });
      const again = await fx.apply(items, [event.insert(items, 6, ['1', 'a'])], new Map(), { checkpoint: await checkpointOf(first) });
      expect(again).toMatchObject({ outcome: 'applied', checkpoint: await checkpointOf(first) });
      expect((await checkpointOf(first)).counter).toBe(9_007_199_254_740_993n);
    });

    it('keep the latest time at which an event committed, over batches that know an earlier one or none, and over a gap', async () => {
      await fx.beginPreload(items);
      expect((await checkpointOf(first)).committedAtUs).toBeUndefined();
      for (const [committedAtUs, kept] of [[null, undefined], [1_700_000_000_000_001n, 1_700_000_000_000_001n], [5n, 1_700_000_000_000_001n], [null, 1_700_000_000_000_001n], [1_700_000_000_000_002n, 1_700_000_000_000_002n]] as const) {
        const applied = await fx.apply(items, [event.insert(items, 5, ['1', 'a'])], new Map(), { checkpoint: await checkpointOf(first), committedAtUs });
        expect(applied).toMatchObject({ outcome: 'applied', checkpoint: await checkpointOf(first) });
        expect((await checkpointOf(first)).committedAtUs).toBe(kept);
      }
      await declare([{ partition: first, next: at(10) }]);
      expect(await checkpointOf(first)).toMatchObject({ highest: null, committedAtUs: 1_700_000_000_000_002n });
    });

    it('a gap moves several in one transaction and clears what they knew, a partition without one included', async () => {
      await fx.apply(items, [counter(5, 7n)], new Map(), { checkpoint: await checkpointOf(first) });
      const before = [await checkpointOf(first), await checkpointOf(second)] as const;
      await declare([{ partition: second, from: before[1], next: at(20) }, { partition: first, from: before[0], next: at(10) }, { partition: 'inv.public.items-11', next: at(0) }]);
      expect(await fx.warehouse.readCheckpoints(PIPELINE)).toEqual([
        { ...before[0], generation: 2, next: at(10), highest: null, counter: null },
        { ...before[1], generation: 2, next: at(20), highest: null, counter: null },
        { pipeline: PIPELINE, partition: 'inv.public.items-11', generation: 1, next: at(0), highest: null, counter: null },
      ]);
    });

    it('if one of the checkpoints was moved meanwhile, no other is moved and no epoch raised', async () => {
      await fx.beginPreload(items);
      const before = await fx.warehouse.readCheckpoints(PIPELINE);
      const old = await checkpointOf(second);
      await fx.apply(items, [event.insert(items, 5, ['1', 'a'])], new Map(), { checkpoint: old });
      const [state, now] = [await stateOf(), await fx.warehouse.readCheckpoints(PIPELINE)];
      expect(now).not.toEqual(before);
      await expect(declare([{ partition: first, next: at(10) }, { partition: second, from: old, next: at(20) }])).rejects.toMatchObject({ code: 'CHECKPOINT_MOVED', recovery: 'retry' });
      expect([await stateOf(), await fx.warehouse.readCheckpoints(PIPELINE)]).toEqual([state, now]);
    });

    it('a marked table stays marked while it is preloaded, also by a run that ends badly, until a preload has ended', async () => {
      await fx.beginPreload(items);
      await declare([]);
      const marked = { stale: 'log gap: retention', error: 'log gap: retention' };
      expect(await stateOf()).toMatchObject({ ...marked, phase: 'new' });
      await fx.beginPreload(items);
      expect(await stateOf()).toMatchObject({ stale: marked.stale, error: null, phase: 'preloading' });
      const { runId, epoch } = await fx.beginPreload(items);
      expect(await stateOf()).toMatchObject({ stale: marked.stale });
      await fx.finish(items, runId, epoch);
      expect(await stateOf()).toMatchObject({ stale: null, phase: 'live' });
    });

    it('a gap declared while the preload for another runs keeps its mark: that preload does not end', async () => {
      await fx.beginPreload(items);
      await declare([]);
      const { runId, epoch } = await fx.beginPreload(items);
      await declare([]);
      await expect(fx.finish(items, runId, epoch)).rejects.toThrow('lost');
      expect(await stateOf()).toMatchObject({ stale: 'log gap: retention', phase: 'new' });
    });

    it('an unmarked gap marks nothing', async () => {
      await fx.beginPreload(items);
      await declare([], false);
      expect(await stateOf()).toMatchObject({ stale: null, error: 'log gap: retention', phase: 'new' });
    });
  });

  describe('a batch with an event that only a preload can answer', () => {
    let fx: WarehouseFixture;
    beforeEach(async () => {
      fx = await WarehouseFixture.of(product);
    });
    afterEach(async () => {
      await fx.drop();
    });

    const stale = async (): Promise<string | null | undefined> => (await fx.warehouse.readTableStates(PIPELINE)).find((s) => s.table === items.id)?.stale;
    const reload = (position: number): ChangeEvent => ({ op: 'reload', table: items.id, tx: { position: LogPosition.fromBigInt(BigInt(position), 8), committedAtUs: 1n }, reason: 'truncated' });

    it('marks a table that takes events, until the next preload begins', async () => {
      const { runId, epoch } = await fx.beginPreload(items);
      await fx.finish(items, runId, epoch);
      expect(await fx.apply(items, [reload(5)])).toMatchObject({ outcome: 'applied' });
      expect(await stale()).toBe('truncated');
      await fx.beginPreload(items);
      expect(await stale()).toBeNull();
    });

    it('marks nothing where it is not applied: by a trial, or by a process that has lost the partition', async () => {
      const { runId, epoch } = await fx.beginPreload(items);
      await fx.finish(items, runId, epoch);
      expect(await fx.apply(items, [reload(5)], new Map(), { trial: true })).toEqual({ outcome: 'tried' });
      expect(await fx.apply(items, [reload(5)], new Map(), { checkpoint: { ...fx.checkpoint, generation: 9 } })).toEqual({ outcome: 'lost' });
      expect(await stale()).toBeNull();
    });

    it.each(['new', 'stopped'])('marks no %s table', async (phase) => {
      await fx.warehouse.prepareTables(PIPELINE, [items]);
      if (phase === 'stopped') await fx.warehouse.stopTable(PIPELINE, items.id, 'test');
      expect(await fx.apply(items, [reload(5)])).toMatchObject({ outcome: 'applied' });
      expect(await stale()).toBeNull();
    });

    it('while the preload that answers a log gap runs, its end does not clear the new mark', async () => {
      await fx.beginPreload(items);
      await fx.warehouse.declareGap({ pipeline: PIPELINE, moves: [], tables: [items.id], marked: true, reason: 'test' });
      const { runId, epoch } = await fx.beginPreload(items);
      await fx.apply(items, [reload(5)]);
      await fx.finish(items, runId, epoch);
      expect(await stale()).toBe('truncated');
    });

    it('keeps what the table was marked with before', async () => {
      await fx.beginPreload(items);
      await fx.test.query(`UPDATE elstream.table_state SET stale = 'columns were added at the source: ["c"]'`);
      await fx.apply(items, [reload(5)]);
      expect(await stale()).toBe('columns were added at the source: ["c"]');
    });
  });
}

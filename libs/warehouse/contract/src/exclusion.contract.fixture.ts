import { StreamOffset, type Checkpoint } from '@elstream/core';
import { event, mappingOf, PIPELINE, WarehouseFixture, type Held, type WarehouseProduct } from './fixture';

/** R4: who waits for whom. */
export function exclusionContract(product: WarehouseProduct): void {
  const items = mappingOf(product, 'items', [['id', 'int8', { kind: 'integer', bits: 64 }], ['name', 'text']]);

  product.describeWith('update-locks', 'merges and batches of a table exclude each other (R4)', () => {
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

    /** As far as the other one gets while the first is held: until it waits for a lock, or to its end where nothing stops it. */
    const goesAsFarAsItCan = async (gate: Held, other: Promise<unknown>): Promise<void> => {
      let ended = false;
      other.then(() => (ended = true), () => (ended = true));
      await product.until(async () => ended || (await gate.waiting()) > 0);
    };
    const waits = (gate: Held): Promise<unknown> => product.until(async () => (await gate.waiting()) > 0);

    it.each([['small', 0], ['bulk', 300]])('a row deleted by a batch about to commit is not filled in by a chunk that was read before (%s writes)', async (_name, padding) => {
      const claim = await fx.claimTask(runId, items, epoch);
      const gate = await fx.test.hold('batch');
      const batch = fx.apply(items, [...Array.from({ length: padding }, (_, i) => event.insert(items, 5, [String(1_000 + i), 'pad'])), event.delete(items, 5, '1')]);
      await gate.holds();
      const chunk = fx.loadChunk(items, claim, [['1', 'deleted meanwhile'], ['2', 'b']]);
      await goesAsFarAsItCan(gate, chunk);
      await gate.release();
      expect(await batch).toMatchObject({ outcome: 'applied' });
      expect(await chunk).toMatchObject({ outcome: 'done', rowsRead: 2, rowsFilled: 1 });
      expect((await fx.rows(items)).filter((r) => r?.[1] !== 'pad')).toEqual([['2', 'b']]);
    });

    it('a row filled in by a chunk about to commit is deleted by the batch that comes meanwhile', async () => {
      const claim = await fx.claimTask(runId, items, epoch);
      const gate = await fx.test.hold('chunk');
      const chunk = fx.loadChunk(items, claim, [['1', 'deleted meanwhile'], ['2', 'b']]);
      await gate.holds();
      const batch = fx.apply(items, [event.delete(items, 5, '1')]);
      await goesAsFarAsItCan(gate, batch);
      await gate.release();
      expect(await chunk).toMatchObject({ outcome: 'done', rowsFilled: 2 });
      expect(await batch).toMatchObject({ outcome: 'applied', rowsDeleted: 1 });
      expect(await fx.rows(items)).toEqual([['2', 'b']]);
    });

    it('the epoch is not raised under a batch: what the batch wrote belongs to the epoch before and is swept', async () => {
      const gate = await fx.test.hold('batch');
      const batch = fx.apply(items, [event.insert(items, 5, ['1', 'written under the old epoch'])]);
      await gate.holds();
      const raised = fx.beginPreload(items);
      await waits(gate);
      await gate.release();
      expect(await batch).toMatchObject({ outcome: 'applied', rowsWritten: 1 });
      const later = await raised;
      expect(later.epoch).toBe(epoch + 1);
      expect(await fx.finish(items, later.runId, later.epoch)).toBe(1);
      expect(await fx.rows(items)).toEqual([]);
    });

    it('a preload is not finished under a batch: the delete it brings still finds the row', async () => {
      await fx.loadChunk(items, await fx.claimTask(runId, items, epoch), [['1', 'a']]);
      const claim = await fx.claimTask(runId, items, epoch, 'finish-table');
      const gate = await fx.test.hold('batch');
      const batch = fx.apply(items, [event.delete(items, 5, '1'), event.delete(items, 5, '9')]);
      await gate.holds();
      const finished = fx.warehouse.finishPreload(PIPELINE, items, claim);
      await waits(gate);
      await gate.release();
      await batch;
      expect(await finished).toMatchObject({ outcome: 'done' });
      expect(await fx.rows(items)).toEqual([]);
    });

    it('merges do not hold each other up', async () => {
      const task = { kind: 'preload-chunk', table: items.id, epoch, payload: {} } as const;
      await fx.store.addTasks(runId, [task, task]);
      const [one, two] = [await fx.claimTask(runId, items, epoch), await fx.claimTask(runId, items, epoch)];
      const gate = await fx.test.hold('chunk');
      const held = fx.loadChunk(items, one, [['1', 'a']]);
      await gate.holds();
      expect(await fx.loadChunk(items, two, [['2', 'b']])).toMatchObject({ outcome: 'done', rowsFilled: 1 });
      await gate.release();
      expect(await held).toMatchObject({ outcome: 'done', rowsFilled: 1 });
    });

    it('of two streamers at one checkpoint, one applies its batch and the other writes nothing', async () => {
      const gate = await fx.test.hold('batch');
      const first = fx.apply(items, [event.insert(items, 5, ['1', 'first'])]);
      await gate.holds();
      const second = fx.apply(items, [event.insert(items, 5, ['1', 'second'])]);
      await waits(gate);
      await gate.release();
      expect([await first, await second]).toMatchObject([{ outcome: 'applied' }, { outcome: 'lost' }]);
      expect(await fx.rows(items)).toEqual([['1', 'first']]);
    });

    it('a batch of a partition whose checkpoint a merge could not see yet waits for it all the same', async () => {
      const claim = await fx.claimTask(runId, items, epoch);
      const gate = await fx.test.hold('chunk');
      const chunk = fx.loadChunk(items, claim, [['1', 'deleted meanwhile'], ['2', 'b']]);
      await gate.holds();
      const checkpoint = await fx.warehouse.createCheckpoint(PIPELINE, 'inv.public.items-37', StreamOffset.kafka(0n));
      const batch = fx.apply(items, [event.delete(items, 5, '1')], new Map(), { checkpoint });
      await goesAsFarAsItCan(gate, batch);
      await gate.release();
      expect(await chunk).toMatchObject({ outcome: 'done', rowsFilled: 2 });
      expect(await batch).toMatchObject({ outcome: 'applied', rowsDeleted: 1 });
      expect(await fx.rows(items)).toEqual([['2', 'b']]);
    });

    it('a batch waits for one of another partition to count its events, not to write its rows', async () => {
      const [one, two] = await Promise.all([1, 2].map(async (n) => fx.warehouse.createCheckpoint(PIPELINE, `inv.public.items-${String(n)}`, StreamOffset.kafka(0n))));
      const gate = await fx.test.hold('batch');
      const held = fx.apply(items, [event.insert(items, 5, ['1', 'a'])], new Map(), { checkpoint: one as Checkpoint });
      await gate.holds();
      const other = fx.apply(items, [event.insert(items, 5, ['2', 'b'])], new Map(), { checkpoint: two as Checkpoint });
      await waits(gate);
      expect(await fx.test.waitingForExclusion()).toBe(0);
      await gate.release();
      expect([await held, await other]).toMatchObject([{ outcome: 'applied' }, { outcome: 'applied' }]);
      expect((await fx.warehouse.readTableStates(PIPELINE))[0]).toMatchObject({ eventsApplied: 2 });
    });

    it.each([['a batch', 'batch'], ['a merge', 'chunk']] as const)('a log gap of very many tables waits for %s of one of them', async (what, at) => {
      const claim = await fx.claimTask(runId, items, epoch);
      const gate = await fx.test.hold(at);
      const held = what === 'a batch' ? fx.apply(items, [event.insert(items, 5, ['1', 'a'])]) : fx.loadChunk(items, claim, [['1', 'a']]);
      await gate.holds();
      const tables = [items.id, ...Array.from({ length: 500 }, (_, i) => `public.t${String(i)}`)];
      const declared = fx.warehouse.declareGap({ pipeline: PIPELINE, moves: [], tables, marked: true, reason: 'test' });
      await waits(gate);
      await gate.release();
      expect(await held).toMatchObject({ outcome: what === 'a batch' ? 'applied' : 'done' });
      await declared;
      expect((await fx.warehouse.readTableStates(PIPELINE))[0]).toMatchObject({ phase: 'new', epoch: epoch + 1 });
    });
  });
}

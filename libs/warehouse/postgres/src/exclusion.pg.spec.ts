import { setFailpointHandler, StreamOffset, type FailpointName } from '@elstream/core';
import { eventually } from '@elstream/testing';
import { event, mappingOf, WarehouseFixture } from './warehouse.fixture';

const items = mappingOf('items', [['id', 'int8', { kind: 'integer', bits: 64 }], ['name', 'text']]);

/** Holds whoever comes to a failpoint first, until released. */
class Gate {
  private open: (() => void) | null = null;
  private came = false;

  constructor(private readonly at: FailpointName) {
    setFailpointHandler(async (name) => {
      if (name !== this.at || this.came) return;
      this.came = true;
      await new Promise<void>((resolve) => {
        this.open = resolve;
      });
    });
  }

  async holds(): Promise<void> {
    await eventually(() => this.open !== null, { describe: `somebody at ${this.at}` });
  }

  release(): void {
    this.open?.();
  }
}

describe('merges and batches of a table exclude each other (R4)', () => {
  let fx: WarehouseFixture;
  let runId: string;
  let epoch: number;

  beforeEach(async () => {
    fx = await WarehouseFixture.create();
    ({ runId, epoch } = await fx.beginPreload(items));
  });
  afterEach(async () => {
    setFailpointHandler(null);
    await fx.drop();
  });

  const waitingForLocks = async (): Promise<number> => {
    const [found] = await fx.db.query<{ n: number }>(`SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`);
    return found?.n ?? 0;
  };
  /** As far as the other one gets while the first is held: until it waits for a lock, or to its end where nothing stops it. */
  const goesAsFarAsItCan = async (other: Promise<unknown>): Promise<void> => {
    let ended = false;
    other.then(() => (ended = true), () => (ended = true));
    await eventually(async () => ended || (await waitingForLocks()) > 0);
  };

  it.each([['small', 0], ['bulk', 300]])('a row deleted by a batch about to commit is not filled in by a chunk that was read before (%s writes)', async (_name, padding) => {
    const claim = await fx.claimTask(runId, items, epoch);
    const gate = new Gate('batch:before-commit');
    const batch = fx.apply(items, [...Array.from({ length: padding }, (_, i) => event.insert(items, 5, [String(1_000 + i), 'pad'])), event.delete(items, 5, '1')]);
    await gate.holds();
    const chunk = fx.loadChunk(items, claim, [['1', 'deleted meanwhile'], ['2', 'b']]);
    await goesAsFarAsItCan(chunk);
    gate.release();
    expect(await batch).toMatchObject({ outcome: 'applied' });
    expect(await chunk).toMatchObject({ outcome: 'done', rowsRead: 2, rowsFilled: 1 });
    expect((await fx.rows(items)).filter((r) => r?.[1] !== 'pad')).toEqual([['2', 'b']]);
  });

  it('a row filled in by a chunk about to commit is deleted by the batch that comes meanwhile', async () => {
    const claim = await fx.claimTask(runId, items, epoch);
    const gate = new Gate('chunk:before-commit');
    const chunk = fx.loadChunk(items, claim, [['1', 'deleted meanwhile'], ['2', 'b']]);
    await gate.holds();
    const batch = fx.apply(items, [event.delete(items, 5, '1')]);
    await goesAsFarAsItCan(batch);
    gate.release();
    expect(await chunk).toMatchObject({ outcome: 'done', rowsFilled: 2 });
    expect(await batch).toMatchObject({ outcome: 'applied', rowsDeleted: 1 });
    expect(await fx.rows(items)).toEqual([['2', 'b']]);
  });

  it('the epoch is not raised under a batch: what the batch wrote belongs to the epoch before and is swept', async () => {
    const gate = new Gate('batch:before-commit');
    const batch = fx.apply(items, [event.insert(items, 5, ['1', 'written under the old epoch'])]);
    await gate.holds();
    const raised = fx.beginPreload(items);
    await eventually(async () => (await waitingForLocks()) > 0, { describe: 'the switch of epoch waiting' });
    gate.release();
    expect(await batch).toMatchObject({ outcome: 'applied', rowsWritten: 1 });
    const later = await raised;
    expect(later.epoch).toBe(epoch + 1);
    expect(await fx.finish(items, later.runId, later.epoch)).toBe(1);
    expect(await fx.rows(items)).toEqual([]);
  });

  it('a preload is not finished under a batch: the delete it brings still finds the row', async () => {
    await fx.loadChunk(items, await fx.claimTask(runId, items, epoch), [['1', 'a']]);
    const claim = await fx.claimTask(runId, items, epoch, 'finish-table');
    const gate = new Gate('batch:before-commit');
    const batch = fx.apply(items, [event.delete(items, 5, '1'), event.delete(items, 5, '9')]);
    await gate.holds();
    const finished = fx.warehouse.finishPreload(WarehouseFixture.pipeline, items, claim);
    await eventually(async () => (await waitingForLocks()) > 0, { describe: 'the end of the preload waiting' });
    gate.release();
    await batch;
    expect(await finished).toMatchObject({ outcome: 'done' });
    expect(await fx.rows(items)).toEqual([]);
  });

  it('merges do not hold each other up', async () => {
    const task = { kind: 'preload-chunk', table: items.id, epoch, payload: {} } as const;
    await fx.store.addTasks(runId, [task, task]);
    const [one, two] = [await fx.claimTask(runId, items, epoch), await fx.claimTask(runId, items, epoch)];
    const gate = new Gate('chunk:before-commit');
    const held = fx.loadChunk(items, one, [['1', 'a']]);
    await gate.holds();
    expect(await fx.loadChunk(items, two, [['2', 'b']])).toMatchObject({ outcome: 'done', rowsFilled: 1 });
    gate.release();
    expect(await held).toMatchObject({ outcome: 'done', rowsFilled: 1 });
  });

  it('of two streamers at one checkpoint, one applies its batch and the other writes nothing', async () => {
    const gate = new Gate('batch:before-commit');
    const first = fx.apply(items, [event.insert(items, 5, ['1', 'first'])]);
    await gate.holds();
    const second = fx.apply(items, [event.insert(items, 5, ['1', 'second'])]);
    await eventually(async () => (await waitingForLocks()) > 0);
    gate.release();
    expect([await first, await second]).toMatchObject([{ outcome: 'applied' }, { outcome: 'lost' }]);
    expect(await fx.rows(items)).toEqual([['1', 'first']]);
  });

  it('a batch of a partition whose checkpoint a merge could not see yet waits for it all the same', async () => {
    const claim = await fx.claimTask(runId, items, epoch);
    const gate = new Gate('chunk:before-commit');
    const chunk = fx.loadChunk(items, claim, [['1', 'deleted meanwhile'], ['2', 'b']]);
    await gate.holds();
    const checkpoint = await fx.warehouse.createCheckpoint(WarehouseFixture.pipeline, 'inv.public.items-37', StreamOffset.kafka(0n));
    const batch = fx.apply(items, [event.delete(items, 5, '1')], new Map(), { checkpoint });
    await goesAsFarAsItCan(batch);
    gate.release();
    expect(await chunk).toMatchObject({ outcome: 'done', rowsFilled: 2 });
    expect(await batch).toMatchObject({ outcome: 'applied', rowsDeleted: 1 });
    expect(await fx.rows(items)).toEqual([['2', 'b']]);
  });

  it('a batch waits for one of another partition to count its events, not to write its rows', async () => {
    const [one, two] = await Promise.all([1, 2].map(async (n) => fx.warehouse.createCheckpoint(WarehouseFixture.pipeline, `inv.public.items-${String(n)}`, StreamOffset.kafka(0n))));
    const gate = new Gate('batch:before-commit');
    const held = fx.apply(items, [event.insert(items, 5, ['1', 'a'])], new Map(), { checkpoint: one! });
    await gate.holds();
    const other = fx.apply(items, [event.insert(items, 5, ['2', 'b'])], new Map(), { checkpoint: two! });
    await eventually(async () => (await waitingForLocks()) > 0, { describe: 'the other at the state of the table' });
    expect(await fx.db.query(`SELECT l.locktype FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted`)).toEqual([]);
    gate.release();
    expect([await held, await other]).toMatchObject([{ outcome: 'applied' }, { outcome: 'applied' }]);
    expect((await fx.warehouse.readTableStates(WarehouseFixture.pipeline))[0]).toMatchObject({ eventsApplied: 2 });
  });

  it.each([['a batch', 'batch:before-commit'], ['a merge', 'chunk:before-commit']] as const)('a log gap of very many tables waits for %s of one of them', async (what, at) => {
    const gate = new Gate(at);
    const held = what === 'a batch' ? fx.apply(items, [event.insert(items, 5, ['1', 'a'])]) : fx.loadChunk(items, await fx.claimTask(runId, items, epoch), [['1', 'a']]);
    await gate.holds();
    const tables = [items.id, ...Array.from({ length: 500 }, (_, i) => `public.t${String(i)}`)];
    const declared = fx.warehouse.declareGap({ pipeline: WarehouseFixture.pipeline, moves: [], tables, marked: true, reason: 'test' });
    await eventually(async () => (await waitingForLocks()) > 0, { describe: 'the log gap waiting' });
    gate.release();
    expect(await held).toMatchObject({ outcome: what === 'a batch' ? 'applied' : 'done' });
    await declared;
    expect((await fx.warehouse.readTableStates(WarehouseFixture.pipeline))[0]).toMatchObject({ phase: 'new', epoch: epoch + 1 });
  });
});

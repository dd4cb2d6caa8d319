import { silentLogger } from '@elstream/core';
import type { ControlStore, NewTask, Run } from '@elstream/control';
import { eventually } from '@elstream/testing';
import { createControlStore } from './index';
import { connectionTo, type TestControlDatabase, type TestProduct } from './product.fixture';

const STORE = 'control-crash-test';
const chunks = (n: number): NewTask[] => Array.from({ length: n }, (_, i) => ({ kind: 'preload-chunk', table: 'a', epoch: 1, payload: { i } }));

/**
 * A session of the test blocks one of the tables a transaction of the store writes late; the store's backend is killed
 * while it waits there: half of the transaction is behind it.
 */
export const crashContract = (product: TestProduct): void => product.describeLocks('a control store whose connection dies in a transaction', () => {
  let db: TestControlDatabase;
  let blocker: Awaited<ReturnType<TestControlDatabase['client']>>;
  let store: ControlStore;
  let run: Run;

  beforeEach(async () => {
    db = await product.create('crash');
    blocker = await db.client();
    store = await createControlStore({ connection: connectionTo(db, STORE), logger: silentLogger });
    await store.migrate();
    await store.registerPipeline('p');
    run = await store.createRun({ pipeline: 'p', reason: 'initial', tables: ['a'] });
    await store.startRun(run.id);
  });
  afterEach(async () => {
    await store.close();
    await db.drop();
  });

  /** Runs `work` until it waits for `table`, kills its backend, lets go of the table and gives the error. */
  async function killedAt(table: string, work: () => Promise<unknown>): Promise<unknown> {
    await blocker.query(product.block(table));
    const failed = work().then(
      () => new Error('it was not killed'),
      (error: unknown) => error,
    );
    const waiting = (): Promise<{ id: number }[]> => db.query(product.waiting(STORE));
    await eventually(async () => (await waiting()).length === 1, { describe: 'the store waits for the lock' });
    for (const { id } of await waiting()) await db.query(product.end(id));
    const error = await failed;
    await blocker.query('ROLLBACK');
    return error;
  }

  const retry = expect.objectContaining({ recovery: 'retry' });

  it('has neither completed the task nor added what follows; another try does both', async () => {
    const [prepare] = await store.readTasks(run.id, { limit: 1 });
    const held = await store.claim(prepare!.id, 'w');
    const [open] = await store.addTasks(run.id, [{ kind: 'open-table', table: 'a', epoch: null, payload: {} }]);
    const opening = await store.claim(open!.id, 'w');
    expect(await killedAt('task', () => store.complete(opening!.claim, {}, chunks(3)))).toEqual(retry);
    expect((await store.readTasks(run.id, { limit: 10 })).map((t) => t.state)).toEqual(['running', 'running']);
    expect(await store.complete(opening!.claim, {}, chunks(3))).toBe(true);
    expect(await store.complete(held!.claim, {})).toBe(true);
    expect(await store.readTasks(run.id, { kind: 'preload-chunk', limit: 10 })).toHaveLength(3);
  });

  it('has neither ended the run nor cancelled its tasks', async () => {
    expect(await killedAt('task', () => store.endRun(run.id, 'cancelled', null))).toEqual(retry);
    expect((await store.readRun(run.id))?.state).toBe('running');
    expect((await store.readTasks(run.id, { limit: 10 })).map((t) => t.state)).toEqual(['pending']);
    expect(await store.endRun(run.id, 'cancelled', null)).toBe(true);
  });

  it('has not made a run without its first task', async () => {
    await store.endRun(run.id, 'cancelled', null);
    const create = (): Promise<Run> => store.createRun({ pipeline: 'p', reason: 'manual', tables: ['a'] });
    expect(await killedAt('task', create)).toEqual(retry);
    expect(await store.readRuns({ pipeline: 'p', limit: 10 })).toHaveLength(1);
    expect(await store.readTasks((await create()).id, { limit: 10 })).toHaveLength(1);
  });

  it('has removed all of a pipeline or nothing', async () => {
    expect(await killedAt('checkpoint', () => store.removePipeline('p'))).toEqual(retry);
    expect(await store.readTasks(run.id, { limit: 10 })).toHaveLength(1);
    expect(await store.readPipeline('p')).not.toBeNull();
    await store.removePipeline('p');
    expect(await store.readPipeline('p')).toBeNull();
  });

  it('has kept the old mappings when new ones were not saved', async () => {
    const name = (table: string) => ({ schema: 's', name: table });
    const mapping = (table: string) => ({ id: `s.${table}`, source: name(table), target: name(table), columns: [], key: [0], chunkRows: 1 });
    await store.saveMappings('p', [mapping('old')]);
    expect(await killedAt('pipeline_table', () => store.saveMappings('p', [mapping('new')]))).toEqual(retry);
    expect((await store.readMappings('p')).map((m) => m.id)).toEqual(['s.old']);
  });
});

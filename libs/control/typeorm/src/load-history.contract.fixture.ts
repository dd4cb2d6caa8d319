import { silentLogger } from '@elstream/core';
import type { ControlStore, NewTask } from '@elstream/control';
import { createControlStore } from './index';
import { connectionTo, type TestControlDatabase, type TestProduct } from './product.fixture';

export const loadHistoryContract = (product: TestProduct): void => describe('the view load_history', () => {
  let db: TestControlDatabase;
  let store: ControlStore;

  beforeAll(async () => {
    db = await product.create('load_history');
    store = await createControlStore({ connection: connectionTo(db), logger: silentLogger });
    await store.migrate();
    await store.registerPipeline('p');
  });
  afterAll(async () => {
    await store?.close();
    await db?.drop();
  });

  const history = async (columns: string) => db.query(`SELECT ${columns} FROM elstream.load_history ORDER BY table_name, load_date, run_id`);
  const finished = async (runId: string, task: NewTask, result: Record<string, unknown>): Promise<void> => {
    const [added] = await store.addTasks(runId, [task]);
    const claimed = await store.claim(added!.id, 'test');
    expect(await store.complete(claimed!.claim, result)).toBe(true);
  };

  it('has one row per table and run, from begun to validated', async () => {
    const load = await store.createRun({ pipeline: 'p', reason: 'initial', tables: ['public.a', 'public.b'] });
    const columns = 'table_name, status, preloaded, ending_offset, validated, validated_date';
    const begun = { status: 'Initial', preloaded: false, ending_offset: null, validated: null, validated_date: null };
    expect(await history(columns)).toEqual([{ table_name: 'public.a', ...begun }, { table_name: 'public.b', ...begun }]);

    await store.startRun(load.id);
    await finished(load.id, { kind: 'finish-table', table: 'public.a', epoch: 1, payload: {} }, { liveAt: '00aa' });
    expect((await history(columns))[0]).toEqual({ table_name: 'public.a', ...begun, preloaded: true, ending_offset: '00aa' });

    await store.saveValidation({ pipeline: 'p', table: 'public.a', runId: load.id, scope: 'full', position: '00bb', rowsCompared: 2, confirmedEqual: 2, unverified: 0, differences: 0 });
    await finished(load.id, { kind: 'finish-validation', table: 'public.a', epoch: null, payload: {} }, {});
    await store.endRun(load.id, 'failed', 'table b is on fire');
    expect(await history(`${columns}, error`)).toEqual([
      { table_name: 'public.a', status: 'Successful', preloaded: true, ending_offset: '00bb', validated: true, validated_date: expect.any(Date), error: 'table b is on fire' },
      { table_name: 'public.b', ...begun, status: 'Failed', error: 'table b is on fire' },
    ]);
  });

  it('tells what the stream has applied in the newest run of each table, and of a validation that found something', async () => {
    await db.query(`INSERT INTO elstream."checkpoint" (pipeline, partition, generation, next_offset, committed_at_us) VALUES ('p', 'inv.public.a-2', 1, '0c', 1763475193772471), ('p', 'inv.public.a-10', 1, '0d', NULL), ('p', 'inv.notpublic.b-0', 1, '0e', NULL);
      INSERT INTO elstream.table_state (pipeline, table_id, phase, rows_preloaded) VALUES ('p', 'public.a', 'live', 2)`);
    const validation = await store.createRun({ pipeline: 'p', reason: 'schedule', stages: ['validate'], tables: ['public.a'] });
    await store.startRun(validation.id);
    await store.saveValidation({ pipeline: 'p', table: 'public.a', runId: validation.id, scope: 'full', position: '00cc', rowsCompared: 2, confirmedEqual: 1, unverified: 0, differences: 1 });
    await store.endRun(validation.id, 'succeeded', null);
    expect(await history(`table_name, reason, status, preloaded, validated, next_offset, last_message, phase`)).toEqual([
      { table_name: 'public.a', reason: 'initial', status: 'Successful', preloaded: true, validated: true, next_offset: null, last_message: null, phase: null },
      { table_name: 'public.a', reason: 'schedule', status: 'Successful', preloaded: false, validated: false, next_offset: '0c, 0d', last_message: new Date(1_763_475_193_772), phase: 'live' },
      { table_name: 'public.b', reason: 'initial', status: 'Failed', preloaded: false, validated: null, next_offset: null, last_message: null, phase: null },
    ]);
  });
});

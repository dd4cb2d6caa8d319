import { type TableMapping } from '@elstream/core';
import type { ControlStore, NewTask, Run } from '@elstream/control';
import { literal, type TestControlDatabase, type TestProduct } from './product.fixture';
import { withStore } from './store.fixture';

const chunk = (table: string, n = 1): NewTask => ({ kind: 'preload-chunk', table, epoch: 1, payload: { n } });
const openTable = (table: string): NewTask => ({ kind: 'open-table', table, epoch: null, payload: {} });

export const controlStoreContract = (product: TestProduct): void => describe('the control store', () => {
  let db: TestControlDatabase;
  let store: ControlStore;
  let pipeline: string;
  withStore(product, 'control', (fixture) => ({ db, store, pipeline } = fixture));

  async function runningRun(tables = ['public.a', 'public.b']): Promise<Run> {
    const run = await store.createRun({ pipeline, reason: 'initial', tables });
    await store.startRun(run.id);
    return run;
  }

  async function addOne(run: Run, task: NewTask): Promise<string> {
    const [added] = await store.addTasks(run.id, [task]);
    return added!.id;
  }

  describe('pipelines', () => {
    it('registers a pipeline once and keeps what is known of it', async () => {
      await store.setPaused(pipeline, true);
      expect(await store.registerPipeline(pipeline)).toEqual({ name: pipeline, paused: true, streamError: null, identity: null, gapReason: null });
      await store.setIdentity(pipeline, { system: '7', fork: '1' });
      await store.setStreamError(pipeline, 'nul \0 in a message');
      await store.setGap(pipeline, 'slot lost');
      const expected = { name: pipeline, paused: true, streamError: 'nul \ufffd in a message', identity: { system: '7', fork: '1' }, gapReason: 'slot lost' };
      expect(await store.readPipeline(pipeline)).toEqual(expected);
      expect(await store.readPipelines()).toContainEqual(expected);
      await store.setGap(pipeline, null);
      expect((await store.readPipeline(pipeline))?.gapReason).toBeNull();
    });

    it('says whether pausing changed anything, and refuses an unknown pipeline', async () => {
      expect(await store.setPaused(pipeline, false)).toBe(false);
      expect(await store.setPaused(pipeline, true)).toBe(true);
      expect(await store.setPaused(pipeline, true)).toBe(false);
      for (const act of [
        () => store.setPaused('nobody', true),
        () => store.setGap('nobody', 'x'),
        () => store.nextCounter('nobody'),
        () => store.saveMappings('nobody', []),
        () => store.createRun({ pipeline: 'nobody', reason: 'initial', tables: [] }),
      ]) {
        await expect(act()).rejects.toMatchObject({ code: 'PIPELINE_UNKNOWN', recovery: 'refuse' });
      }
      expect(await store.readPipeline('nobody')).toBeNull();
    });

    // an UPDATE locks a row by reading it, before it computes
    product.itLocks('never gives a counter number twice, however many ask at once', async () => {
      const numbers = await Promise.all(Array.from({ length: 20 }, () => store.nextCounter(pipeline)));
      expect(numbers.sort((a, b) => Number(a - b))).toEqual(Array.from({ length: 20 }, (_, i) => BigInt(i + 1)));
    });

    it('keeps mappings in their order and without the secrets of masks', async () => {
      const mapping = (name: string, secret: string): TableMapping => ({
        id: `public.${name}`,
        source: { schema: 'public', name },
        target: { schema: 'public', name },
        columns: [
          { source: 'id', target: 'id', type: { kind: 'integer', bits: 64 }, targetType: 'bigint', nullable: false, mask: null },
          { source: 'e', target: 'e', type: { kind: 'text', maxLength: null, padded: false }, targetType: 'text', nullable: true, mask: { kind: 'hash', secret } },
        ],
        key: [0],
        chunkRows: 10_000,
      });
      await store.saveMappings(pipeline, [mapping('old', 'k')]);
      await store.saveMappings(pipeline, [mapping('z', 'top-secret'), mapping('a', 'top-secret')]);
      expect(await store.readMappings(pipeline)).toEqual([mapping('z', ''), mapping('a', '')]);
      expect(JSON.stringify(await db.query('SELECT * FROM elstream.pipeline_table'))).not.toContain('top-secret');
    });

    product.itLocks('keeps one set of mappings when two processes save at once', async () => {
      const table = { id: 't', source: { schema: 's', name: 't' }, target: { schema: 's', name: 't' }, columns: [], key: [0], chunkRows: 1 };
      await Promise.all([1, 2, 3, 4].map((chunkRows) => store.saveMappings(pipeline, [{ ...table, chunkRows }])));
      expect(await store.readMappings(pipeline)).toHaveLength(1);
    });

    it('forgets everything of a removed pipeline and nothing of another', async () => {
      const other = await runningRun();
      const kept = pipeline;
      pipeline = `${kept} removed`;
      await store.registerPipeline(pipeline);
      const run = await runningRun();
      await store.addEvent({ runId: run.id, type: 'x', table: null, detail: {} });
      for (const name of [kept, pipeline].map(literal)) {
        await db.query(`INSERT INTO elstream."checkpoint" (pipeline, partition, generation, next_offset) VALUES (${name}, '0', 0, '00')`);
        await db.query(`INSERT INTO elstream.table_state (pipeline, table_id) VALUES (${name}, 't')`);
      }
      await store.removePipeline(pipeline);
      for (const table of ['task', 'run', 'checkpoint', 'table_state', 'pipeline_table']) {
        expect(await db.query(`SELECT 1 AS one FROM elstream."${table}" WHERE pipeline = ${literal(pipeline)}`)).toEqual([]);
      }
      expect(await store.readPipeline(pipeline)).toBeNull();
      expect(await store.readRun(run.id)).toBeNull();
      expect(await store.readEvents(run.id, 0, 10)).toEqual([]);
      await expect(store.addEvent({ runId: run.id, type: 'late', table: null, detail: {} })).rejects.toMatchObject({ recovery: 'lost' });
      expect(await store.addTasks(run.id, [openTable('t')])).toEqual([]);
      expect(await store.readTasks(other.id, { limit: 10 })).toHaveLength(1);
      expect(await db.query(`SELECT 1 AS one FROM elstream."checkpoint" WHERE pipeline = ${literal(kept)}`)).toHaveLength(1);
      await store.removePipeline(pipeline);
    });
  });

  describe('runs', () => {
    it('creates a run with its prepare task, which may be claimed once the run is started', async () => {
      const run = await store.createRun({ pipeline, reason: 'manual', tables: ['t'] });
      expect(run).toMatchObject({ pipeline, reason: 'manual', state: 'pending', stages: ['prepare', 'preload', 'validate'], tables: ['t'], error: null, startedAt: null, finishedAt: null });
      const [task] = await store.readTasks(run.id, { limit: 10 });
      expect(task).toMatchObject({ runId: run.id, pipeline, kind: 'prepare', table: null, state: 'pending', attempt: 0, epoch: null });
      expect(await store.claim(task!.id, 'w')).toBeNull();
      expect((await store.pendingTasks(1_000)).map((t) => t.id)).not.toContain(task!.id);
      await store.startRun(run.id);
      expect((await store.pendingTasks(1_000)).map((t) => t.id)).toContain(task!.id);
      expect((await store.readRun(run.id))?.startedAt).toBeInstanceOf(Date);
      expect(await store.claim(task!.id, 'w')).not.toBeNull();
    });

    it('creates a run of validation alone without a task: the planner adds what it needs', async () => {
      const run = await store.createRun({ pipeline, reason: 'manual', tables: ['t'], stages: ['validate'] });
      expect(await store.readRun(run.id)).toMatchObject({ stages: ['validate'], tables: ['t'] });
      expect(await store.readTasks(run.id, { limit: 10 })).toEqual([]);
    });

    product.itLocks('refuses a second run while one has not ended, naming it; of ten at once one is created', async () => {
      const results = await Promise.allSettled(Array.from({ length: 10 }, () => store.createRun({ pipeline, reason: 'initial', tables: [] })));
      const created = results.filter((r) => r.status === 'fulfilled').map((r) => r.value);
      expect(created).toHaveLength(1);
      const [run] = created;
      for (const result of results) {
        if (result.status === 'rejected') {
          expect(result.reason).toMatchObject({ code: 'RUN_ACTIVE', recovery: 'refuse', message: expect.stringContaining(run!.id) });
        }
      }
      expect(await store.endRun(run!.id, 'cancelled', null)).toBe(true);
      await store.setGap(pipeline, 'slot lost');
      const next = await store.createRun({ pipeline, reason: 'log-gap', tables: [] });
      expect((await store.readRuns({ pipeline, limit: 10 })).map((r) => r.id)).toEqual([next.id, run!.id]);
      expect(await store.readRuns({ pipeline, states: ['cancelled'], limit: 10 })).toHaveLength(1);
      expect(await store.readRuns({ pipeline, limit: 1 })).toHaveLength(1);
    });

    it('starts a run once, and says so to one of many', async () => {
      const run = await store.createRun({ pipeline, reason: 'initial', tables: [] });
      expect((await Promise.all(Array.from({ length: 8 }, () => store.startRun(run.id)))).filter(Boolean)).toHaveLength(1);
    });

    it('neither starts nor ends a run for a log gap that is noted no more: who found it was overtaken', async () => {
      await expect(store.createRun({ pipeline, reason: 'log-gap', tables: [] })).rejects.toMatchObject({ code: 'GAP_GONE', recovery: 'refuse' });
      const run = await runningRun();
      expect(await store.endRun(run.id, 'failed', 'log gap', 'gap')).toBe(false);
      expect((await store.readRun(run.id))?.state).toBe('running');
      await store.setGap(pipeline, 'slot lost');
      expect(await store.endRun(run.id, 'failed', 'log gap', 'gap')).toBe(true);
    });

    it('ends a run once and cancels its unfinished tasks with it', async () => {
      const run = await runningRun();
      const done = await store.claim((await store.readTasks(run.id, { limit: 1 }))[0]!.id, 'w');
      await store.complete(done!.claim, {});
      const [a, b] = await store.addTasks(run.id, [openTable('a'), openTable('b')]);
      const held = await store.claim(a!.id, 'w');
      expect(await store.endRun(run.id, 'failed', 'no\0pe')).toBe(true);
      expect(await store.endRun(run.id, 'succeeded', null)).toBe(false);
      expect(await store.readRun(run.id)).toMatchObject({ state: 'failed', error: 'no\ufffdpe', finishedAt: expect.any(Date) });
      expect((await store.readTasks(run.id, { limit: 10 })).map((t) => t.state)).toEqual(['done', 'cancelled', 'cancelled']);
      expect(await store.complete(held!.claim, {}, [chunk('a')])).toBe(false);
      expect(await store.renew(held!.claim)).toBe(false);
      expect(await store.fail(held!.claim, 'x', true)).toBe(false);
      expect(await store.claim(b!.id, 'w')).toBeNull();
      expect(await store.addTasks(run.id, [openTable('c')])).toEqual([]);
      await store.setRunTables(run.id, ['c']);
      expect((await store.readRun(run.id))?.tables).toEqual(['public.a', 'public.b']);
      await store.startRun(run.id);
      expect((await store.readRun(run.id))?.state).toBe('failed');
    });

    it('changes the tables of a run that has not ended', async () => {
      const run = await runningRun();
      await store.setRunTables(run.id, ['x', 'y']);
      expect((await store.readRun(run.id))?.tables).toEqual(['x', 'y']);
    });
  });

  describe('tasks', () => {
    it('adds tasks of a (kind, table) once, several of one call together, in order', async () => {
      const run = await runningRun();
      const first = await store.addTasks(run.id, [chunk('a', 1), chunk('a', 2), openTable('a')]);
      expect(first).toHaveLength(3);
      expect(await store.addTasks(run.id, [chunk('a', 3), chunk('b', 4), openTable('a'), { kind: 'prepare', table: null, epoch: null, payload: {} }])).toEqual([
        expect.objectContaining({ table: 'b', payload: { n: 4 }, state: 'pending' }),
      ]);
      const all = await store.readTasks(run.id, { limit: 10 });
      expect(all.map((t) => [t.kind, t.table])).toEqual([
        ['prepare', null],
        ['preload-chunk', 'a'],
        ['preload-chunk', 'a'],
        ['open-table', 'a'],
        ['preload-chunk', 'b'],
      ]);
      expect(all.slice(1, 4)).toEqual(first);
      expect(await store.readTask(first[0]!.id)).toEqual(first[0]);
      expect(await store.readTasks(run.id, { kind: 'preload-chunk', state: 'pending', limit: 2 })).toHaveLength(2);
    });

    product.itLocks('adds tasks once when planners add the same at once', async () => {
      const run = await runningRun();
      const added = await Promise.all(Array.from({ length: 8 }, () => store.addTasks(run.id, [openTable('a'), openTable('b'), chunk('c', 1), chunk('c', 2)])));
      expect(added.flat()).toHaveLength(4);
      expect(await store.readTasks(run.id, { limit: 100 })).toHaveLength(5);
    });

    it('takes many thousand chunks at once', async () => {
      const run = await runningRun();
      expect(await store.addTasks(run.id, Array.from({ length: 7_001 }, (_, n) => chunk('a', n)))).toHaveLength(7_001);
      expect(await store.summarize(run.id)).toContainEqual({ table: 'a', kind: 'preload-chunk', state: 'pending', tasks: 7_001, rows: 0 });
      expect((await store.readTasks(run.id, { kind: 'preload-chunk', limit: 3 })).map((t) => t.payload['n'])).toEqual([0, 1, 2]);
    });

    it('gives pending tasks by kind and run up to the limit, so that many chunks hide neither a step nor another run', async () => {
      const big = await runningRun();
      await store.addTasks(big.id, [...Array.from({ length: 50 }, (_, n) => chunk('a', n)), openTable('b')]);
      pipeline = `${pipeline} small`;
      await store.registerPipeline(pipeline);
      const small = await runningRun();
      await store.addTasks(small.id, [chunk('a', 0), chunk('a', 1)]);
      const pending = (await store.pendingTasks(3)).filter((t) => t.runId === big.id || t.runId === small.id);
      const run = (id: string): string => (id === big.id ? 'big' : 'small');
      expect(pending.map((t) => `${t.kind} ${run(t.runId)}`)).toEqual([
        'prepare big',
        'prepare small',
        'open-table big',
        ...['big', 'small', 'big', 'small', 'big'].map((r) => `preload-chunk ${r}`),
      ]);
      const [first] = await store.readTasks(big.id, { kind: 'preload-chunk', limit: 1 });
      expect(pending[3]).toEqual({ id: first!.id, runId: big.id, pipeline: first!.pipeline, kind: 'preload-chunk' });
    });

    it('reads those whose result counts something, page by page, in order', async () => {
      const run = await runningRun();
      await store.addTasks(run.id, [0, 1, 2, 3].map((n) => chunk('a', n)));
      const all = await store.readTasks(run.id, { kind: 'preload-chunk', limit: 10 });
      for (const [n, { id }] of all.entries()) await store.complete((await store.claim(id, 'w'))!.claim, n === 3 ? { found: 'nothing' } : { found: n });
      const found = async (more: object): Promise<unknown[]> => (await store.readTasks(run.id, { counted: 'found', limit: 10, ...more })).map((t) => t.payload['n']);
      expect([await found({}), await found({ limit: 1 }), await found({ skip: 1 }), await found({ skip: 2 })]).toEqual([[1, 2], [1], [2], []]);
    });

    it('leaves out of payloads and results what is not asked for', async () => {
      const run = await runningRun();
      await store.addTasks(run.id, [0, 1, 2].map((n) => ({ ...chunk('a', n), payload: { n, keys: [['1']] } })));
      const [, ...others] = await store.readTasks(run.id, { kind: 'preload-chunk', limit: 10 });
      for (const { id } of others) await store.complete((await store.claim(id, 'w'))!.claim, { found: 2, differences: ['many'] });
      const small = await store.readTasks(run.id, { kind: 'preload-chunk', without: ['differences', 'keys'], limit: 10 });
      expect(small.map(({ payload, result, state }) => [payload, result, state])).toEqual([[{ n: 0 }, null, 'pending'], [{ n: 1 }, { found: 2 }, 'done'], [{ n: 2 }, { found: 2 }, 'done']]);
    });

    it('lets exactly one of twenty claims win', async () => {
      const run = await runningRun();
      const id = await addOne(run, chunk('a'));
      const claims = await Promise.all(Array.from({ length: 20 }, (_, i) => store.claim(id, `w${String(i)}`)));
      const won = claims.filter((c) => c !== null);
      expect(won).toHaveLength(1);
      expect(won[0]).toMatchObject({ claim: { taskId: id, attempt: 1, runId: run.id, epoch: 1 }, task: { state: 'running', attempt: 1 } });
    });

    it('lets a stalled duplicate do nothing after its task was claimed again', async () => {
      const run = await runningRun();
      const id = await addOne(run, openTable('a'));
      const stalled = await store.claim(id, 'stalled');
      expect(await store.releaseAbandoned({ olderThanMs: 0, except: 'fresh' })).toBeGreaterThanOrEqual(1);
      expect(await store.complete(stalled!.claim, {})).toBe(false);
      const fresh = await store.claim(id, 'fresh');
      expect(fresh!.claim.attempt).toBe(2);
      expect(await store.complete(stalled!.claim, {}, [chunk('a')])).toBe(false);
      expect(await store.renew(stalled!.claim)).toBe(false);
      expect(await store.fail(stalled!.claim, 'x', true)).toBe(false);
      expect(await store.complete({ ...fresh!.claim, epoch: 7 }, {})).toBe(false);
      expect(await store.complete({ ...fresh!.claim, runId: stalled!.claim.taskId }, {})).toBe(false);
      expect(await store.renew(fresh!.claim)).toBe(true);
      expect(await store.complete(fresh!.claim, { rows: 12, note: 'n' }, [chunk('a', 1), chunk('a', 2)])).toBe(true);
      expect(await store.complete(fresh!.claim, {})).toBe(false);
      expect(await store.readTask(id)).toMatchObject({ state: 'done', rows: 12, result: { rows: 12, note: 'n' } });
      expect(await store.readTasks(run.id, { kind: 'preload-chunk', limit: 10 })).toHaveLength(2);
    });

    it('returns a failed task to pending, or ends it when it failed for good', async () => {
      const run = await runningRun();
      const id = await addOne(run, openTable('a'));
      const first = await store.claim(id, 'w');
      expect(await store.fail(first!.claim, 'connection lost', false)).toBe(true);
      expect(await store.readTask(id)).toMatchObject({ state: 'pending', error: 'connection lost', attempt: 1 });
      const second = await store.claim(id, 'w');
      expect(second!.task.error).toBeNull();
      expect(await store.fail(second!.claim, 'no key', true)).toBe(true);
      expect(await store.readTask(id)).toMatchObject({ state: 'failed', error: 'no key', attempt: 2 });
      expect(await store.claim(id, 'w')).toBeNull();
    });

    it('releases only tasks whose worker gave no sign of life for the time given', async () => {
      const run = await runningRun();
      const [quiet, alive] = await store.addTasks(run.id, [openTable('a'), openTable('b')]);
      await store.claim(quiet!.id, 'w1');
      await store.claim(alive!.id, 'w2');
      await db.query(`UPDATE elstream.task SET renewed_at = ${product.ago(600_000)} WHERE id = '${quiet!.id}'`);
      expect(await store.releaseAbandoned({ olderThanMs: 300_000, except: 'w1' })).toBe(0);
      expect(await store.releaseAbandoned({ olderThanMs: 300_000 })).toBe(1);
      expect(await store.readTask(quiet!.id)).toMatchObject({ state: 'pending' });
      expect(await store.readTask(alive!.id)).toMatchObject({ state: 'running' });
      expect(await store.releaseAbandoned({ olderThanMs: 0, except: 'w2' })).toBe(0);
    });

    product.itLocks('never both ends a run and adds the tasks that follow a completed one', async () => {
      for (let i = 0; i < 10; i += 1) {
        const run = await runningRun();
        const held = await store.claim(await addOne(run, openTable('a')), 'w');
        const [completed] = await Promise.all([store.complete(held!.claim, {}, [chunk('a', 1)]), store.endRun(run.id, 'cancelled', null)]);
        const chunks = await store.readTasks(run.id, { kind: 'preload-chunk', limit: 10 });
        expect(chunks.map((t) => t.state)).toEqual(completed ? ['cancelled'] : []);
      }
    });
  });

  describe('events', () => {
    it('gives the events of a run after an id, in order, of one run only', async () => {
      const run = await runningRun();
      for (const type of ['a', 'b', 'c']) await store.addEvent({ runId: run.id, type, table: type === 'a' ? null : 't', detail: { n: 1 } });
      const all = await store.readEvents(run.id, 0, 10);
      expect(all.map((e) => [e.type, e.table, e.detail['n']])).toEqual([['a', null, 1], ['b', 't', 1], ['c', 't', 1]]);
      expect(all[0]!.at).toBeInstanceOf(Date);
      expect((await store.readEvents(run.id, all[0]!.id, 1)).map((e) => e.type)).toEqual(['b']);
    });

    product.itLocks('makes ids of one run visible in their order, so that a reader misses none', async () => {
      const run = await runningRun();
      const seen: number[] = [];
      let writing = true;
      const reader = (async () => {
        for (let last = false; !last; ) {
          last = !writing;
          for (const event of await store.readEvents(run.id, seen.at(-1) ?? 0, 1_000)) seen.push(event.id);
        }
      })();
      await Promise.all(Array.from({ length: 60 }, (_, i) => store.addEvent({ runId: run.id, type: `e${String(i)}`, table: null, detail: {} })));
      writing = false;
      await reader;
      expect(seen).toHaveLength(60);
    });
  });
});

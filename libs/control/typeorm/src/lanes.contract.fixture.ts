import { laneOf, RUN_STAGES, type ControlStore, type NewTask, type Run, type RunStage } from '@elstream/control';
import type { TestProduct } from './product.fixture';
import { withStore } from './store.fixture';

const STAGES: Readonly<Record<string, readonly RunStage[]>> = { load: RUN_STAGES, validate: ['validate'], repair: ['repair'] };

export const lanesContract = (product: TestProduct): void => describe('lanes of runs', () => {
  let store: ControlStore;
  let pipeline: string;
  withStore(product, 'lanes', (fixture) => ({ store, pipeline } = fixture));

  const create = (lane: string): Promise<Run> => store.createRun({ pipeline, reason: 'manual', tables: ['t'], stages: STAGES[lane]! });

  it.each([
    ['load', 'load', 'refused'],
    ['load', 'validate', 'refused'],
    ['load', 'repair', 'created'],
    ['validate', 'load', 'created'],
    ['validate', 'validate', 'refused'],
    ['validate', 'repair', 'created'],
    ['repair', 'load', 'created'],
    ['repair', 'validate', 'created'],
    ['repair', 'repair', 'refused'],
  ])('beside a run of lane %s one of lane %s is %s', async (active, asked, outcome) => {
    const first = await create(active);
    if (outcome === 'refused') {
      await expect(create(asked)).rejects.toMatchObject({ code: 'RUN_ACTIVE', recovery: 'refuse', message: expect.stringContaining(first.id) });
    } else {
      expect(laneOf((await create(asked)).stages)).toBe(asked);
    }
    await store.endRun(first.id, 'succeeded', null);
  });

  it('lets a preload end the validation that is at work, with its tasks, and name itself', async () => {
    const validation = await create('validate');
    await store.startRun(validation.id);
    const [task] = await store.addTasks(validation.id, [{ kind: 'plan-validation', table: 't', epoch: 1, payload: {} }]);
    const held = await store.claim(task!.id, 'w');
    const load = await create('load');
    expect(await store.readRun(validation.id)).toMatchObject({ state: 'cancelled', error: expect.stringContaining(load.id), finishedAt: expect.any(Date) });
    expect((await store.readTask(task!.id))?.state).toBe('cancelled');
    expect(await store.complete(held!.claim, {})).toBe(false);
    expect(await store.readRuns({ pipeline, states: ['pending', 'running'], limit: 10 })).toMatchObject([{ id: load.id }]);
  });

  product.itLocks('keeps of many that are asked for at once one of each lane at most, and never a validation beside a preload', async () => {
    const lanes = Array.from({ length: 18 }, (_, i) => ['load', 'validate', 'repair'][i % 3]!);
    await Promise.allSettled(lanes.map(create));
    const active = (await store.readRuns({ pipeline, states: ['pending', 'running'], limit: 20 })).map((r) => laneOf(r.stages)).sort();
    expect(active).toEqual(['load', 'repair']);
  });

  it('keeps the scope of a validation, and the tasks of a repair, which are handed out once it runs', async () => {
    const scope = { samplePercent: 5, changed: true, range: { from: ['1'], to: null } };
    const validation = await store.createRun({ pipeline, reason: 'schedule', tables: ['t'], stages: ['validate'], scope });
    expect((await store.readRun(validation.id))?.scope).toEqual(scope);
    const repair = (n: number): NewTask => ({ kind: 'repair-rows', table: 't', epoch: null, payload: { keys: [[String(n)]], of: 'row' } });
    const run = await store.createRun({ pipeline, reason: 'repair', tables: ['t'], stages: ['repair'], tasks: [repair(1), repair(2)] });
    expect(await store.readTasks(run.id, { limit: 10 })).toMatchObject([repair(1), repair(2)]);
    const pending = async (): Promise<string[]> => (await store.pendingTasks(1_000)).filter((t) => t.runId === run.id).map((t) => t.kind);
    expect(await pending()).toEqual([]);
    await store.startRun(run.id);
    expect(await pending()).toEqual(['repair-rows', 'repair-rows']);
  });

  it('hands out history and preload chunks last, the other kinds in the order of the steps', async () => {
    const run = await create('load');
    await store.startRun(run.id);
    const kinds = ['validate-chunk', 'history-chunk', 'preload-chunk', 'finish-validation', 'plan-validation', 'finish-table', 'open-table'] as const;
    await store.addTasks(run.id, kinds.map((kind) => ({ kind, table: 't', epoch: 1, payload: {} })));
    const pending = (await store.pendingTasks(1_000)).filter((t) => t.runId === run.id).map((t) => t.kind);
    expect(pending).toEqual(['prepare', 'open-table', 'finish-table', 'plan-validation', 'finish-validation', 'preload-chunk', 'history-chunk', 'validate-chunk']);
  });
});

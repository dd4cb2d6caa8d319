import type { Run } from '@elstream/control';
import { GAP_RETRY_MS } from './gap-run';
import { OwnRuns } from './own-runs';
import { OnePipeline, stateOf } from './runs.fixture';
import { StaleUses } from './stale-uses';

let p: OnePipeline;
beforeEach(() => {
  p = new OnePipeline();
});

/** As one planner, or another that has just taken over. */
const look = (planner = new OwnRuns(p.deps)): Promise<void> => planner.look(p.deps.registry.get('p'), p.record, p.states);
const reasons = (): string[] => p.runs.map((run) => run.reason);
const foundDifferences = (count = 2): Run => {
  const run = p.add('validate', 'succeeded');
  const differences = Array.from({ length: count }, (_, i) => ({ table: 'a', key: '', cells: [String(i)], of: 'row', kind: 'extra', columns: [] }));
  p.addTask(run.id, { result: { differenceCount: count, differences } });
  return run;
};

describe('tables to which columns were added', () => {
  beforeEach(() => {
    p.states = [stateOf('a', { stale: 'column c was added' }), stateOf('b')];
  });

  it('are preloaded again, just those, once the pipeline loads nothing', async () => {
    const load = p.add('load', 'running');
    await look();
    expect(p.runs).toHaveLength(1);
    Object.assign(load, { state: 'succeeded', finishedAt: new Date(p.now) });
    await look();
    await look();
    expect(p.runs.slice(1)).toMatchObject([{ reason: 'schema-change', tables: ['a'], stages: ['prepare', 'preload', 'validate'] }]);
  });

  it.each<[string, () => void]>([
    ['the pipeline is paused', () => (p.record.paused = true)],
    ['a table is stopped', () => (p.states = [stateOf('a', { stale: 'x', phase: 'stopped' })])],
    ['a run for them was cancelled', () => p.add('load', 'cancelled', { reason: 'schema-change' })],
    ['a run for them has just failed', () => p.add('load', 'failed', { reason: 'schema-change' })],
  ])('wait while %s', async (_why, given) => {
    given();
    const before = p.runs.length;
    await look();
    expect(p.runs).toHaveLength(before);
  });

  it('are tried again a while after their run failed, and at once when another table became one', async () => {
    p.add('load', 'failed', { reason: 'schema-change' });
    p.states = [stateOf('a', { stale: 'x' }), stateOf('b', { stale: 'x' })];
    await look();
    expect(p.runs.at(-1)).toMatchObject({ state: 'pending', tables: ['a', 'b'] });
    Object.assign(p.runs.at(-1)!, { state: 'failed', finishedAt: new Date(p.now) });
    p.now += GAP_RETRY_MS;
    await look();
    expect(reasons()).toEqual(['schema-change', 'schema-change', 'schema-change']);
  });

  it('are left to the run that answers a log gap, which repairs and validations do not hold up', async () => {
    p.record.gapReason = 'slot lost';
    p.add('repair', 'running');
    p.add('validate', 'succeeded');
    await look();
    expect(reasons().slice(2)).toEqual(['log-gap']);
  });
});

describe('differences', () => {
  it('are repaired by themselves once per validation, whoever plans, and only where the pipeline wants it', async () => {
    const validation = foundDifferences();
    await look();
    expect(p.repairs).toEqual([]);
    p.settings.repair = 'auto';
    const planner = new OwnRuns(p.deps);
    await look(planner);
    expect(p.repairs).toEqual([{ reason: 'repair', tables: ['a'], tasks: [{ keys: [['0'], ['1']], of: 'row', from: validation.id }] }]);
    Object.assign(p.runs.at(-1)!, { state: 'failed', finishedAt: new Date(p.now) });
    await look(planner);
    await look();
    expect(p.repairs).toHaveLength(1);
  });

  it('wait for the repair at work, then are repaired; those found by a preload run too', async () => {
    p.settings.repair = 'auto';
    const manual = p.add('repair', 'running');
    foundDifferences();
    const load = p.add('load', 'succeeded');
    p.addTask(load.id, { table: 'b', result: { differenceCount: 1, differences: [{ table: 'b', key: '', cells: ['1', '2'], of: 'row', kind: 'missing', columns: [] }] } });
    const planner = new OwnRuns(p.deps);
    for (let i = 0; i < 4; i += 1) {
      await look(planner);
      for (const run of p.runs) if (run !== manual || i > 0) Object.assign(run, { state: 'succeeded', finishedAt: run.finishedAt ?? new Date(p.now) });
    }
    expect(p.repairs.slice(1).map((r) => r.tables)).toEqual([['a'], ['b']]);
  });

  it.each<[string, () => void]>([
    ['failed', () => Object.assign(foundDifferences(), { state: 'failed' })],
    ['found none', () => foundDifferences(0)],
    ['ended long ago', () => Object.assign(foundDifferences(), { finishedAt: new Date(p.now - 3_600_001) })],
    ['was followed by a pause', () => [foundDifferences(), (p.record.paused = true)]],
  ])('start no repair after a validation that %s', async (_how, given) => {
    p.settings.repair = 'auto';
    given();
    await look();
    expect(p.repairs).toEqual([]);
  });
});

describe('uses of delete markers whose run has ended', () => {
  it('are ended once a worker that knows nothing of it has given up, looking seldom', async () => {
    p.uses = [{ table: 'a', runId: 'r1' }, { table: 'gone', runId: 'r1' }];
    let looks = 0;
    const uses = new StaleUses(p.deps, 9_000);
    const handle = p.deps.registry.get('p');
    const watched = { ...handle, warehouse: { ...handle.warehouse, staleUses: async () => ((looks += 1), p.uses) } };
    for (const end = p.now + 8_999; p.now < end; p.now += 100) await uses.look(watched);
    expect([p.closed, looks]).toEqual([[], 3]);
    p.now += 3_000;
    await uses.look(watched);
    expect(p.closed).toEqual(['a r1']);
  });
});

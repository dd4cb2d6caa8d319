import type { Run } from '@elstream/control';
import { CAPTURE_RESUMED } from '@elstream/core';
import { GAP_RETRY_MS } from './gap-run';
import { OwnRuns } from './own-runs';
import { letterOf, OnePipeline, stateOf } from './runs.fixture';
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

describe('tables of which capture may have left out rows that cannot be told', () => {
  it('are preloaded again, as tables that lost events', async () => {
    p.states = [stateOf('a', { stale: `${CAPTURE_RESUMED}: Debezium began again behind a change of a` }), stateOf('b')];
    await look();
    expect(p.runs).toMatchObject([{ reason: 'reload', tables: ['a'], stages: ['prepare', 'preload', 'validate'] }]);
  });
});

describe('rows that capture may have left out', () => {
  const parkedNow = (n: number, more: Parameters<typeof letterOf>[1] = {}): void => {
    p.letters.push(letterOf(n, { op: 'poison', code: CAPTURE_RESUMED, parkedAt: new Date(p.now), ...more }));
  };
  const ends = (state: Run['state'], replayed: readonly string[] = []): void => {
    Object.assign(p.runs.at(-1)!, { state, finishedAt: new Date(p.now) });
    p.letters = p.letters.map((l) => (replayed.includes(l.id) ? { ...l, state: 'replayed' } : { ...l, replays: l.replays + (state === 'succeeded' ? 1 : 0) }));
  };
  beforeEach(() => {
    p.states = [stateOf('a'), stateOf('b', { phase: 'preloading' })];
  });

  it('are replayed by one run, whoever plans, once; other dead letters wait for a person', async () => {
    await look();
    expect(p.runs).toEqual([]);
    for (const [n, table] of [[1, 'a'], [2, 'b'], [3, 'a']] as const) parkedNow(n, { table, key: [String(n), 'x'].slice(0, table === 'b' ? 2 : 1) });
    p.letters.push(letterOf(4), letterOf(5, { code: CAPTURE_RESUMED, key: null, parkedAt: new Date(p.now) }));
    await look();
    await look();
    expect(p.repairs).toEqual([{ reason: 'replay', tables: ['a', 'b'], tasks: [{ deadLetters: ['l1', 'l3'], code: CAPTURE_RESUMED }, { deadLetters: ['l2'], code: CAPTURE_RESUMED }] }]);
    p.now += 1;
    ends('succeeded', ['l1', 'l2', 'l3']);
    p.now += 100 * GAP_RETRY_MS;
    await look();
    expect(p.repairs).toHaveLength(1);
  });

  it.each<[string, () => void]>([
    ['the pipeline is paused', () => (p.record.paused = true)],
    ['another repair is at work', () => p.add('repair', 'running')],
    ['their table is stopped', () => (p.states = [stateOf('a', { phase: 'stopped' })])],
    ['their table’s preload has not begun', () => (p.states = [stateOf('a', { phase: 'new', epoch: 0 })])],
    ['their table is not in the pipeline', () => p.mappings.delete('a')],
  ])('wait while %s', async (_why, given) => {
    parkedNow(1);
    given();
    const before = p.runs.length;
    await look();
    expect(p.runs).toHaveLength(before);
  });

  it('are left to the run that answers a log gap', async () => {
    parkedNow(1);
    p.record.gapReason = 'slot lost';
    await look();
    expect(reasons()).toEqual(['log-gap']);
  });

  it('leave out tables that are stopped', async () => {
    parkedNow(1);
    parkedNow(2, { table: 'b', key: ['2', 'x'] });
    p.states = [stateOf('a'), stateOf('b', { phase: 'stopped' })];
    await look();
    expect(p.repairs.map((r) => r.tables)).toEqual([['a']]);
  });

  it('are replayed at once when they come after a replay, also of others; what a replay left waits longer each time', async () => {
    parkedNow(1);
    await look();
    ends('succeeded', []);
    const tried = async (): Promise<number> => {
      await look();
      return p.repairs.length;
    };
    expect(await tried()).toBe(1);
    p.now += 2 * GAP_RETRY_MS - 1;
    expect(await tried()).toBe(1);
    p.now += 1;
    expect(await tried()).toBe(2);
    ends('succeeded', []);
    p.now += 2 * GAP_RETRY_MS;
    expect(await tried()).toBe(2);
    parkedNow(2);
    expect(await tried()).toBe(3);
    expect(p.repairs.at(-1)?.tasks).toMatchObject([{ deadLetters: ['l1', 'l2'] }]);
  });

  it('are tried again a while after their replay failed', async () => {
    parkedNow(1);
    await look();
    ends('failed');
    parkedNow(2);
    await look();
    expect(p.repairs).toHaveLength(1);
    p.now += GAP_RETRY_MS;
    await look();
    expect(p.repairs).toHaveLength(2);
  });

  it('are left to a person once their replay was cancelled, until more are parked; a cancelled replay of others counts for nothing', async () => {
    const other = p.add('repair', 'cancelled', { reason: 'replay' });
    p.addTask(other.id, { kind: 'repair-rows', payload: { deadLetters: ['l9'] } });
    parkedNow(1);
    await look();
    expect(p.repairs).toHaveLength(2);
    ends('cancelled');
    p.now += 100 * GAP_RETRY_MS;
    await look();
    expect(p.repairs).toHaveLength(2);
    parkedNow(2);
    await look();
    expect(p.repairs).toHaveLength(3);
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

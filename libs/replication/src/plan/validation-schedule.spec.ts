import type { Run } from '@elstream/control';
import { OnePipeline, stateOf } from './runs.fixture';
import { createValidationSchedule } from './validation-schedule';

const EVERY = 1_800_000;
let p: OnePipeline;
beforeEach(() => {
  p = new OnePipeline();
  p.settings.validateEveryMs = EVERY;
  p.states = [stateOf('a'), stateOf('b')];
});

const minutes = (n: number): Date => new Date(p.now - n * 60_000);
async function tick(): Promise<readonly Run[]> {
  const before = p.runs.length;
  const service = createValidationSchedule(p.deps);
  const ended = service.run();
  await p.ticks.at(-1)!.tick(new AbortController().signal);
  await service.stop();
  await ended;
  return p.runs.slice(before);
}

describe('validation by schedule', () => {
  it('looks every half minute, or as often as the shortest period', async () => {
    await tick();
    p.settings.validateEveryMs = 1_000;
    await tick();
    expect(p.ticks.map((t) => [t.name, t.everyMs])).toEqual([['validation-schedule', 30_000], ['validation-schedule', 1_000]]);
  });

  it('follows a period that becomes shorter while it runs, and says that it is alive', async () => {
    const alive = jest.fn();
    const service = createValidationSchedule({ ...p.deps, observer: { ...p.deps.observer, alive } }, { lookMs: 1 });
    const ended = service.run();
    p.settings.validateEveryMs = 2_000;
    while (p.ticks.length < 2) await new Promise((resolve) => setImmediate(resolve));
    await service.stop();
    await ended;
    expect(p.ticks.map((t) => t.everyMs)).toEqual([30_000, 2_000]);
    expect(alive).toHaveBeenCalledWith('validation-schedule');
  });

  it.each<[string, () => void]>([
    ['the last run ended less than the period ago', () => p.add('load', 'succeeded', { finishedAt: minutes(29) })],
    ['a validation failed less than the period ago', () => p.add('validate', 'failed', { finishedAt: minutes(1) })],
    ['a run loads', () => p.add('load', 'running')],
    ['a validation has yet to start', () => p.add('validate', 'pending')],
    ['the pipeline is paused', () => (p.record.paused = true)],
    ['a log gap is noted', () => (p.record.gapReason = 'slot lost')],
    ['no table is live and whole', () => (p.states = [stateOf('a', { phase: 'stopped' }), stateOf('b', { stale: 'x' })])],
    ['it is switched off', () => (p.settings.validateEveryMs = null)],
  ])('starts nothing while %s', async (_why, given) => {
    p.add('load', 'succeeded', { finishedAt: minutes(100) });
    given();
    expect(await tick()).toEqual([]);
  });

  it('starts nothing before the first run', async () => {
    expect(await tick()).toEqual([]);
  });

  it('compares the live tables that are whole when it is due, whatever repairs are at work', async () => {
    p.add('load', 'succeeded', { finishedAt: minutes(31) });
    p.add('validate', 'cancelled', { finishedAt: minutes(30) });
    p.add('repair', 'running');
    p.states = [stateOf('a'), stateOf('b', { stale: 'column c was added' }), stateOf('c', { phase: 'catching-up' })];
    expect(await tick()).toMatchObject([{ reason: 'schedule', tables: ['a'], stages: ['validate'], scope: {} }]);
    expect(await tick()).toEqual([]);
  });

  it('looks at a share of the ranges where that is set', async () => {
    p.add('load', 'succeeded', { finishedAt: minutes(31) });
    p.settings.validateSamplePercent = 5;
    expect(await tick()).toMatchObject([{ scope: { samplePercent: 5 } }]);
  });

  it('looks at all once a day and else at what has changed, with mode changed', async () => {
    p.settings.validateMode = 'changed';
    const scopes: unknown[] = [];
    p.now = Date.UTC(2026, 0, 1, 22, 0);
    p.add('load', 'succeeded', { createdAt: minutes(100), finishedAt: minutes(31) });
    for (let i = 0; i < 7; i += 1, p.now += EVERY + 60_000) {
      for (const run of await tick()) {
        scopes.push([new Date(p.now).toISOString().slice(8, 16), run.scope]);
        // The first whole one of the second day fails: the next is whole again.
        Object.assign(run, { state: scopes.length === 5 ? 'failed' : 'succeeded', finishedAt: new Date(p.now) });
      }
    }
    const changed = { changed: true };
    expect(scopes.map((s) => (s as unknown[])[1])).toEqual([changed, changed, changed, changed, {}, {}, changed]);
  });
});

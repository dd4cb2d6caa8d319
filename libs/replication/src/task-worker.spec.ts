import type { Task } from '@elstream/control';
import { ElstreamError, silentTracer, type Tracer } from '@elstream/core';
import type { Job, JobHandler } from '@elstream/jobs';
import { capturingLogger } from '@elstream/testing';
import type { ReplicationDeps } from './deps';
import { silentObserver } from './observer';
import { createTaskWorker } from './task-worker';

const JOB: Job = { queue: 'validate', taskId: 't', pipeline: 'p' };
const LEASE_MS = 15_000;

/** A worker of one task, whose handler stands in `mappings()`, or in the sweep of the table, until it is let go. */
function world(renew: () => Promise<boolean>, kind: 'plan-validation' | 'finish-table' = 'plan-validation') {
  const state = { healthy: true, claims: 0, held: 0, alive: 0, outcomes: [] as string[], failed: [] as string[], completed: 0, spans: [] as unknown[] };
  let letGo: (error?: Error) => void = () => undefined;
  let handler: JobHandler = () => Promise.resolve();
  const task: Task = { id: 't', runId: 'run-1', pipeline: 'p', kind, table: 's.t', state: 'running', attempt: 1, epoch: 1, payload: {}, result: null, rows: 0, error: null };
  const stands = (): Promise<never> => new Promise((_resolve, reject) => (letGo = (error) => reject(error ?? new ElstreamError('X', 'retry', 'let go'))));
  const pipeline = { name: 'p', mappings: kind === 'finish-table' ? async () => new Map([['s.t', { id: 's.t' }]]) : stands, warehouse: { finishPreload: stands } };
  const logger = capturingLogger();
  const tracer: Tracer = { span: (name, attributes, work) => (state.spans.push({ name, ...attributes }), silentTracer.span(name, attributes, work)) };
  const deps = {
    registry: { has: () => true, hold: () => ((state.held += 1), { pipeline, release: () => (state.held -= 1) }) },
    store: {
      claim: async () => ((state.claims += 1), { task, claim: { taskId: 't', attempt: 1, runId: 'run-1', epoch: 1 } }),
      renew,
      fail: async (_claim: unknown, error: string) => (state.failed.push(error), true),
      complete: async () => ((state.completed += 1), true),
    },
    bus: { publish: () => Promise.reject(new Error('the bus is away')) },
    queue: { work: (_queue: string, _options: unknown, given: JobHandler) => ((handler = given), { healthy: () => state.healthy, close: async () => undefined }) },
    logger,
    tracer,
    observer: { ...silentObserver, alive: () => (state.alive += 1), taskEnded: (_p: string, _k: string, outcome: string) => state.outcomes.push(outcome) },
    clock: Date.now,
    workerId: 'w',
    leaseMs: LEASE_MS,
  } as unknown as ReplicationDeps;
  const worker = createTaskWorker(deps, 'validate', { concurrency: 1 });
  const running = worker.run();
  return {
    state,
    logger,
    work: () => handler(JOB, new AbortController().signal),
    letGo: (error?: Error) => letGo(error),
    stop: async () => {
      await worker.stop();
      await running;
    },
  };
}

/** What is told of a task whose handler goes on, and fails for now, after so long: `lost` if it was given up before. */
async function outcomeWhenLetGo(w: ReturnType<typeof world>, afterMs: number): Promise<string[]> {
  const working = w.work().catch(() => undefined);
  await jest.advanceTimersByTimeAsync(afterMs);
  w.letGo();
  await working;
  await w.stop();
  expect(w.state.held).toBe(0);
  return w.state.outcomes;
}

describe('a worker of tasks', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('keeps a task as long as it is renewed, and puts it back when it failed for now', async () => {
    const w = world(async () => true);
    expect(await outcomeWhenLetGo(w, 3 * LEASE_MS)).toEqual(['retry']);
    expect(w.state.failed).toEqual(['let go']);
    expect(w.state.spans).toEqual([{ name: 'task plan-validation', pipeline: 'p', runId: 'run-1', attempt: 1, table: 's.t' }]);
    expect(w.logger.lines.find((l) => l.message === 'task will be tried again')?.fields).toMatchObject({ runId: 'run-1', table: 's.t', attempt: 1 });
  });

  it.each([
    ['is refused', () => Promise.resolve(false)],
    ['has failed for as long as the lease', () => Promise.reject(new Error('away'))],
    ['has not been answered for as long as the lease', () => new Promise<boolean>(() => undefined)],
  ])('gives the task up when its renewal %s, and writes nothing of it', async (_how, renew) => {
    const w = world(renew);
    expect(await outcomeWhenLetGo(w, 3 * LEASE_MS)).toEqual(['lost']);
    expect([w.state.failed, w.state.completed]).toEqual([[], 0]);
  });

  it('keeps a task over renewals that fail for less than the lease', async () => {
    let asked = 0;
    const w = world(() => ((asked += 1) % 2 === 0 ? Promise.reject(new Error('away')) : Promise.resolve(true)));
    expect(await outcomeWhenLetGo(w, 4 * LEASE_MS)).toEqual(['retry']);
  });

  it('gives up a task whose handler has not moved for very long, though it could be renewed', async () => {
    expect(await outcomeWhenLetGo(world(async () => true), 900_000)).toEqual(['lost']);
  });

  it('keeps a task whose sweep of a large table takes hours', async () => {
    expect(await outcomeWhenLetGo(world(async () => true, 'finish-table'), 3 * 3_600_000)).toEqual(['retry']);
  });

  it('says that it is alive while jobs are taken, and no more once its loop has ended or a handler hangs', async () => {
    const w = world(async () => true);
    await jest.advanceTimersByTimeAsync(20_000);
    expect(w.state.alive).toBeGreaterThanOrEqual(4);
    w.state.healthy = false;
    const before = w.state.alive;
    await jest.advanceTimersByTimeAsync(20_000);
    expect(w.state.alive).toBe(before);
    w.state.healthy = true;
    const working = w.work().catch(() => undefined);
    await jest.advanceTimersByTimeAsync(20_000);
    expect(w.state.alive).toBeGreaterThan(before);
    await jest.advanceTimersByTimeAsync(900_000);
    const hung = w.state.alive;
    await jest.advanceTimersByTimeAsync(20_000);
    expect(w.state.alive).toBe(hung);
    w.letGo();
    await working;
    await jest.advanceTimersByTimeAsync(20_000);
    expect(w.state.alive).toBeGreaterThan(hung);
    await w.stop();
  });
});

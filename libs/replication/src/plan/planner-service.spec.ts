import { laneOf, type ControlStore, type NewTask, type PendingTask, type Run, type Task } from '@elstream/control';
import { ElstreamError, silentLogger, silentTracer, type Service } from '@elstream/core';
import type { Job } from '@elstream/jobs';
import type { ReplicationDeps } from '../deps';
import { silentObserver } from '../observer';
import { createPlanner, type PlannerOptions } from './planner-service';

const LEASE_MS = 15_000;

/** Control tables in memory, as far as a planner of runs that are just beginning needs them. */
class Tables {
  readonly runs: { -readonly [K in keyof Run]: Run[K] }[] = [];
  readonly tasks: Task[] = [];
  readonly events: string[] = [];
  readonly releases: number[] = [];
  readonly steps: string[] = [];
  gapReason: string | null = null;
  private leader: { readonly holder: string; readonly until: number } | null = null;
  /** Called before runs of a pipeline are read. */
  beforeRead: (holder: string, pipeline: string) => Promise<void> = () => Promise.resolve();

  add(pipeline: string): void {
    this.runs.push({ id: `run of ${pipeline}`, pipeline, reason: 'initial', state: 'pending', stages: ['prepare', 'preload', 'validate'], scope: {}, tables: [], error: null, createdAt: new Date(), startedAt: null, finishedAt: null });
  }

  storeOf(holder: string): ControlStore {
    const store: Partial<ControlStore> = {
      lead: async (_role, who, forMs, { steal = false } = {}) => {
        const won = steal || this.leader === null || this.leader.holder === who || this.leader.until <= Date.now();
        if (won) this.leader = { holder: who, until: Date.now() + forMs };
        return won;
      },
      resign: async (_role, who) => {
        if (this.leader?.holder === who) this.leader = null;
      },
      releaseAbandoned: async ({ olderThanMs }) => (this.releases.push(olderThanMs), 0),
      readPipeline: async (name) => ({ name, paused: false, streamError: null, identity: null, gapReason: this.gapReason }),
      readRuns: async ({ pipeline, lane, states }) => {
        const found = this.runs.filter((r) => r.pipeline === pipeline && (lane === undefined || laneOf(r.stages) === lane) && (states === undefined || states.includes(r.state))).map((r) => ({ ...r }));
        await this.beforeRead(holder, pipeline ?? '');
        return found;
      },
      readRun: async (id) => ({ ...this.runs.find((r) => r.id === id)! }),
      summarize: async (id) => this.tasks.filter((t) => t.runId === id).map((t) => ({ ...t, tasks: 1 })),
      startRun: async (id) => {
        const run = this.runs.find((r) => r.id === id)!;
        if (run.state !== 'pending') return false;
        run.state = 'running';
        this.steps.push(`${holder} starts ${id}`);
        return true;
      },
      endRun: async (id, state, error) => {
        const run = this.runs.find((r) => r.id === id)!;
        if (run.finishedAt !== null) return false;
        Object.assign(run, { state, error, finishedAt: new Date() });
        return true;
      },
      createRun: async () => Promise.reject(new ElstreamError('RUN_ACTIVE', 'refuse', 'active')),
      addTasks: async (runId, tasks) => {
        const added = tasks.filter((t) => !this.tasks.some((known) => known.runId === runId && known.kind === t.kind)).map((t) => this.taskOf(runId, t));
        this.tasks.push(...added);
        return added;
      },
      addEvent: async (event) => void this.events.push(`${event.type} ${event.runId}`),
      pendingTasks: async () => this.tasks.map((t): PendingTask => t),
    };
    return store as ControlStore;
  }

  private taskOf(runId: string, task: NewTask): Task {
    return { ...task, id: `${task.kind} of ${runId}`, runId, pipeline: this.runs.find((r) => r.id === runId)!.pipeline, state: 'pending', attempt: 0, result: null, rows: 0, error: null };
  }
}

describe('planners in several processes', () => {
  let tables: Tables;
  let running: { readonly service: Service; readonly ended: Promise<void> }[];
  let queued: string[];
  let enqueueAll: (jobs: readonly Job[]) => Promise<void>;

  beforeEach(() => {
    jest.useFakeTimers();
    [tables, running, queued] = [new Tables(), [], []];
    enqueueAll = async (jobs) => void queued.push(...jobs.map((j) => j.taskId));
  });
  afterEach(async () => {
    await Promise.all([...running.map((r) => stop(r.service)), jest.advanceTimersByTimeAsync(5_000)]);
    jest.useRealTimers();
  });

  function start(holder: string, pipelines: readonly string[] = ['p'], options: Partial<PlannerOptions> = {}): Service {
    const warehouse = { readTableStates: () => Promise.resolve([]), staleUses: () => Promise.resolve([]) };
    const deps = {
      registry: { names: () => pipelines, has: () => true, get: (name: string) => ({ name, warehouse, settings: { repair: 'manual' } }) },
      store: tables.storeOf(holder),
      bus: { subscribe: () => () => undefined, publish: () => Promise.reject(new Error('the bus is away')) },
      queue: { enqueueAll: (jobs: readonly Job[]) => enqueueAll(jobs) },
      logger: silentLogger,
      observer: silentObserver,
      tracer: silentTracer,
      clock: Date.now,
      workerId: holder,
      leaseMs: LEASE_MS,
    } as unknown as ReplicationDeps;
    const service = createPlanner(deps, options);
    running.push({ service, ended: service.run() });
    return service;
  }

  async function stop(service: Service): Promise<void> {
    await Promise.all([service.stop(), jest.advanceTimersByTimeAsync(1_100)]);
  }

  it('plan in one of them; when it stops, another goes on within two seconds', async () => {
    const a = start('a');
    start('b');
    tables.add('p');
    await jest.advanceTimersByTimeAsync(5_000);
    expect(tables.steps).toEqual(['a starts run of p']);
    expect(queued).toContain('prepare of run of p');
    await stop(a);
    tables.add('p2');
    tables.runs[1]!.pipeline = 'p';
    await jest.advanceTimersByTimeAsync(2_000);
    expect(tables.steps).toEqual(['a starts run of p', 'b starts run of p2']);
  });

  it('go on in another after the lease of one that stands still, whose late writes then change nothing', async () => {
    tables.add('p');
    let goOn = (): void => undefined;
    const still = new Promise<void>((resolve) => (goOn = resolve));
    tables.beforeRead = (holder) => (holder === 'a' ? still : Promise.resolve());
    start('a');
    start('b');
    await jest.advanceTimersByTimeAsync(LEASE_MS - 1_000);
    expect(tables.steps).toEqual([]);
    await jest.advanceTimersByTimeAsync(3_000);
    expect(tables.steps).toEqual(['b starts run of p']);
    goOn();
    await jest.advanceTimersByTimeAsync(3_000);
    expect(tables.steps).toEqual(['b starts run of p']);
    expect(tables.events).toEqual(['run-started run of p', 'prepare-planned run of p']);
  });

  it('end a validation for a log gap, and let repairs go on', async () => {
    tables.gapReason = 'slot lost';
    for (const stage of ['validate', 'repair'] as const) {
      tables.add(stage);
      Object.assign(tables.runs.at(-1)!, { pipeline: 'p', state: 'running', stages: [stage] });
    }
    tables.tasks.push({ id: 't', runId: 'run of repair', pipeline: 'p', kind: 'repair-rows', table: 'a', state: 'running', attempt: 1, epoch: null, payload: {}, result: null, rows: 0, error: null });
    start('a');
    await jest.advanceTimersByTimeAsync(2_000);
    expect(tables.runs.map((run) => [run.id, run.state, run.error])).toEqual([
      ['run of validate', 'failed', expect.stringContaining('slot lost')],
      ['run of repair', 'running', null],
    ]);
    Object.assign(tables.tasks[0]!, { state: 'done' });
    await jest.advanceTimersByTimeAsync(2_000);
    expect(tables.runs[1]!.state).toBe('succeeded');
  });

  it('leave a task to its worker for the whole of the lease', async () => {
    start('a');
    await jest.advanceTimersByTimeAsync(60_000);
    expect(new Set(tables.releases)).toEqual(new Set([LEASE_MS]));
    expect(tables.releases.length).toBeGreaterThanOrEqual(20);
  });

  it.each([
    ['refuses', () => Promise.reject(new ElstreamError('QUEUE_AWAY', 'retry', 'away'))],
    ['does not answer', () => new Promise<void>(() => undefined)],
  ])('plan and free tasks while the queue %s', async (_how, away) => {
    enqueueAll = away;
    start('a', ['p', 'q']);
    tables.add('p');
    await jest.advanceTimersByTimeAsync(3_000);
    tables.add('q');
    const releases = tables.releases.length;
    await jest.advanceTimersByTimeAsync(3_000);
    expect(tables.steps).toEqual(['a starts run of p', 'a starts run of q']);
    expect(tables.releases.length).toBeGreaterThan(releases);
  });

  it('are not held up by one pipeline that cannot be planned', async () => {
    tables.beforeRead = (_holder, pipeline) => (pipeline === 'bad' ? Promise.reject(new Error('its tables are locked')) : Promise.resolve());
    tables.add('good');
    start('a', ['bad', 'good']);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(tables.steps).toEqual(['a starts run of good']);
  });

  it('take the lead at once where this process is the only one of its kind', async () => {
    start('killed');
    await jest.advanceTimersByTimeAsync(1_000);
    tables.add('p');
    start('next', ['p'], { alone: true });
    await jest.advanceTimersByTimeAsync(1_000);
    expect(tables.releases).toContain(0);
  });
});

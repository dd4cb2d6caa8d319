import { laneOf, planNext, type PlanAction, type Run, type RunView } from '@elstream/control';
import type { StreamMark } from '@elstream/change-stream';
import { describeError, sleep, type Service } from '@elstream/core';
import type { TableState } from '@elstream/warehouse';
import type { ReplicationDeps } from '../deps';
import type { PipelineHandle } from '../pipeline';
import { tell } from '../tell';
import { CounterRaiser } from './counter-raiser';
import { Leadership } from './leadership';
import { OwnRuns } from './own-runs';
import { Reconciler } from './reconciler';
import { StaleUses } from './stale-uses';

export interface PlannerOptions {
  /** Between looks while a run is active, milliseconds. */
  readonly activeMs: number;
  /** Between looks while none is. */
  readonly idleMs: number;
  /**
   * A running task whose claim was not renewed for this long is free again, milliseconds; default `deps.leaseMs`: by then
   * its worker, which renews every third of that, has given it up by its own clock.
   */
  readonly abandonedMs?: number;
  /** This process is the only one of its kind: it takes the lead at its start, and tasks left running by an earlier one are freed at once. */
  readonly alone: boolean;
  /** Pending tasks of one kind of a run that are in the queue at once at most: enough for all workers between two looks. */
  readonly enqueueLimit: number;
  /** Between two times that everything pending is handed to the queue, milliseconds; what becomes pending goes at once. */
  readonly enqueueAgainMs: number;
}

const DEFAULTS: PlannerOptions = { activeMs: 400, idleMs: 2_000, alone: false, enqueueLimit: 500, enqueueAgainMs: 2_000 };
const MAX_STEPS = 10;
/** How long `stop` waits for a queue that does not answer. */
const HANDING_MS = 1_000;
const WARN_EVERY_MS = 10_000;
/** A mark older than this is taken again: of a topic made anew meanwhile (a gap of another table) it would never be reached. */
const MARK_MS = 60_000;

interface NotedMark {
  readonly mark: StreamMark;
  readonly at: number;
}

/**
 * Moves runs on: reads the control tables, asks the pure planner, writes what it says, hands pending tasks to the queue.
 * It runs in many processes, and plans in the one that leads. Everything is found in the tables again at the next look,
 * so it may die anywhere and any process may take over.
 *
 * Two may plan at once all the same: one that stood still after it had looked goes on with what it saw. So every write
 * says itself what it rests on: a run starts and ends once, and ends for a log gap only while the gap is noted; a run for
 * a gap is made only while it is noted and no run is active; tasks are added once per (kind, table) of a run that has not
 * ended; a table is promoted once, for the very H and epoch that were judged; claims are freed by the server's clock;
 * events are written by whoever made the change. Handing a task to the queue twice is no change: it is claimed once.
 */
export function createPlanner(deps: ReplicationDeps, options: Partial<PlannerOptions> = {}): Service {
  return new PlannerService(deps, { ...DEFAULTS, ...options });
}

class PlannerService implements Service {
  private readonly stopping = new AbortController();
  private readonly leadership: Leadership;
  private readonly reconciler: Reconciler;
  private readonly ownRuns: OwnRuns;
  private readonly counters: CounterRaiser;
  private readonly staleUses: StaleUses;
  private ended: Promise<void> | null = null;
  private stopped: Promise<void> | null = null;
  private freed = false;
  private busy = true;
  private lookedAt = Number.NEGATIVE_INFINITY;
  private releasedAt = Number.NEGATIVE_INFINITY;
  private handing: Promise<void> | null = null;
  private warnedAt = Number.NEGATIVE_INFINITY;
  /** By pipeline and H: until the stream has reached them. */
  private readonly marks = new Map<string, ReadonlyMap<string, NotedMark>>();

  constructor(
    private readonly deps: ReplicationDeps,
    private readonly options: PlannerOptions,
  ) {
    const { store, workerId, leaseMs, clock, logger, observer } = deps;
    this.leadership = new Leadership({ store, role: 'planner', holder: workerId, leaseMs, steal: options.alone, clock, logger, changed: (leads) => observer.leading(leads) });
    this.reconciler = new Reconciler(deps, { limit: options.enqueueLimit, againMs: options.enqueueAgainMs });
    this.ownRuns = new OwnRuns(deps);
    this.counters = new CounterRaiser(deps);
    this.staleUses = new StaleUses(deps, options.abandonedMs ?? leaseMs);
  }

  run(): Promise<void> {
    return (this.ended ??= this.loop());
  }

  stop(): Promise<void> {
    this.stopping.abort();
    return (this.stopped ??= (async () => {
      await this.ended;
      await Promise.race([this.handing, sleep(HANDING_MS)]);
      await this.leadership.resign();
    })());
  }

  /** A loop of its own, not the queue's `repeat`: runs are planned while the queue is away. */
  private async loop(): Promise<void> {
    const unsubscribe = this.deps.bus.subscribe(() => {
      this.busy = true;
    });
    for (; !this.stopping.signal.aborted; await sleep(this.options.activeMs, this.stopping.signal)) {
      this.deps.observer.alive('planner');
      const led = this.leadership.leads;
      if (!(await this.leadership.keep())) continue;
      if (!led) this.takeOver();
      if (this.busy || this.deps.clock() - this.lookedAt >= this.options.idleMs) await this.look();
    }
    unsubscribe();
  }

  private takeOver(): void {
    this.reconciler.forget();
    this.busy = true;
    this.releasedAt = Number.NEGATIVE_INFINITY;
  }

  private async look(): Promise<void> {
    const { clock, registry } = this.deps;
    this.lookedAt = clock();
    this.busy = false;
    await this.attempt({}, () => this.release());
    for (const name of registry.names()) {
      // A slow look does not outlive the lead; one pipeline that cannot be planned holds no other up.
      if (this.stopping.signal.aborted || !(await this.leadership.keep())) return;
      await this.attempt({ pipeline: name }, async () => {
        if (registry.has(name)) await this.lookAfter(registry.get(name));
      });
      await this.attempt({ pipeline: name }, async () => {
        if (registry.has(name)) await this.staleUses.look(registry.get(name));
      });
    }
    // Not waited for: a queue that is away must not hold up the next look.
    this.handing ??= this.attempt({ queue: true }, () => this.enqueue()).finally(() => {
      this.handing = null;
    });
  }

  private async attempt(place: { readonly pipeline?: string; readonly queue?: true }, step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      this.busy = true;
      const { logger, clock } = this.deps;
      const level = clock() - this.warnedAt >= WARN_EVERY_MS ? 'warn' : 'debug';
      if (level === 'warn') this.warnedAt = clock();
      logger[level]({ pipeline: place.pipeline, error: describeError(error) }, place.queue === true ? 'tasks could not be handed to the queue just now; tried again' : 'runs could not be planned just now; tried again');
    }
  }

  private async release(): Promise<void> {
    const { store, workerId, clock, logger, leaseMs } = this.deps;
    if (this.options.alone && !this.freed) {
      const freed = await store.releaseAbandoned({ olderThanMs: 0, except: workerId });
      this.freed = true;
      if (freed > 0) logger.info({ tasks: freed }, 'tasks left by an earlier process go on');
    }
    const abandonedMs = this.options.abandonedMs ?? leaseMs;
    if (clock() - this.releasedAt < abandonedMs / 10) return;
    const released = await store.releaseAbandoned({ olderThanMs: abandonedMs });
    this.releasedAt = clock();
    if (released === 0) return;
    this.reconciler.forget();
    logger.warn({ tasks: released }, 'tasks of silent workers are free again');
  }

  private async lookAfter(pipeline: PipelineHandle): Promise<void> {
    const { store } = this.deps;
    const record = await store.readPipeline(pipeline.name);
    if (record === null) return;
    this.counters.look(pipeline, record);
    const states = await this.promote(pipeline);
    await this.attempt({ pipeline: pipeline.name }, () => this.ownRuns.look(pipeline, record, states));
    for (const run of await store.readRuns({ pipeline: pipeline.name, states: ['pending', 'running'], limit: 10 })) {
      this.busy = true;
      if (record.gapReason !== null && (await this.overtaken(run))) await this.end(run, { state: 'failed', error: `log gap: ${record.gapReason}; the tables are preloaded again` }, 'gap');
      else await this.advance(pipeline, run);
    }
  }

  /**
   * A log gap found once the run was prepared: its tables can never become live, as the stream stands. It ends, and the
   * gap's own run declares the gap. A preparation at work does that itself. Repairs wait for no table to become live.
   */
  private async overtaken(run: Run): Promise<boolean> {
    if (run.state !== 'running' || laneOf(run.stages) === 'repair') return false;
    if (!run.stages.includes('prepare')) return true;
    return (await this.deps.store.summarize(run.id)).some((t) => t.kind === 'prepare' && t.state === 'done' && t.tasks > 0);
  }

  /** Returns how the tables stood before. R4: `live` follows from what is stored, the checkpoint and H; so any process may find it. */
  private async promote(pipeline: PipelineHandle): Promise<readonly TableState[]> {
    const { warehouse, name } = pipeline;
    const states = await warehouse.readTableStates(name);
    if (!states.some((s) => s.phase === 'catching-up')) return states;
    const passed = await this.passed(pipeline, states);
    if (passed.size === 0) return states;
    const live = await warehouse.promoteLive(name, (liveAt) => passed.has(liveAt.hex));
    for (const table of live) {
      this.deps.logger.info({ pipeline: name, table }, 'table is live');
      const runId = states.find((s) => s.table === table)?.runId ?? null;
      if (runId !== null) await this.deps.store.addEvent({ runId, type: 'table-live', table, detail: {} });
    }
    return states;
  }

  /** The tables' Hs that the stream has passed (R4). A mark is kept for a while: taken again, it would lie higher each time. */
  private async passed(pipeline: PipelineHandle, states: readonly TableState[]): Promise<ReadonlySet<string>> {
    const waiting = new Map(states.flatMap(({ phase, liveAt }) => (phase === 'catching-up' && liveAt !== null ? [[liveAt.hex, liveAt] as const] : [])));
    const now = this.deps.clock();
    const before = this.marks.get(pipeline.name);
    const marks = new Map<string, NotedMark>();
    const stream = await pipeline.stream();
    for (const [hex, liveAt] of waiting) {
      const noted = before?.get(hex);
      const mark = noted !== undefined && now - noted.at < MARK_MS ? noted.mark : await stream.mark(liveAt);
      if (mark !== null) marks.set(hex, mark === noted?.mark ? noted : { mark, at: now });
    }
    this.marks.set(pipeline.name, marks);
    if (marks.size === 0) return new Set();
    const checkpoints = await pipeline.warehouse.readCheckpoints(pipeline.name);
    return new Set([...marks].filter(([, { mark }]) => mark.reachedBy(checkpoints)).map(([hex]) => hex));
  }

  private async advance(pipeline: PipelineHandle, first: Run): Promise<void> {
    let run: Run | null = first;
    for (let step = 0; run !== null && step < MAX_STEPS; step += 1) {
      const actions = planNext(await this.view(pipeline, run));
      if (actions.length === 0) return;
      const { id } = run;
      const now: Run = run;
      await this.deps.tracer.span('plan', { pipeline: pipeline.name, runId: id, actions: actions.map((a) => a.do).join(', ') }, async () => {
        for (const action of actions) await this.act(now, action);
      });
      tell(this.deps, { type: 'run-changed', pipeline: pipeline.name, runId: id });
      run = await this.deps.store.readRun(id);
    }
  }

  /**
   * Tasks first: what a task that is done has brought about (the run's tables, by `prepare`; the table's epoch, by
   * `open-table`) is then in what is read after them. The other way round a run could end before its tables were known.
   */
  private async view(pipeline: PipelineHandle, known: Run): Promise<RunView> {
    const { store } = this.deps;
    const tasks = await store.summarize(known.id);
    const states: readonly TableState[] = await pipeline.warehouse.readTableStates(pipeline.name);
    const run = (await store.readRun(known.id)) ?? known;
    const failed = tasks.some((t) => t.state === 'failed' && t.tasks > 0);
    const firstFailed = failed ? await store.readTasks(run.id, { state: 'failed', limit: 1 }) : [];
    return { run, tasks, phases: new Map(states.map((s) => [s.table, s])), firstError: firstFailed[0]?.error ?? null };
  }

  private async act(run: Run, action: PlanAction): Promise<void> {
    const { store, logger } = this.deps;
    switch (action.do) {
      case 'start':
        if (!(await store.startRun(run.id))) return;
        await store.addEvent({ runId: run.id, type: 'run-started', table: null, detail: { reason: run.reason } });
        logger.info({ pipeline: run.pipeline, runId: run.id, reason: run.reason }, 'run started');
        return;
      case 'add-tasks': {
        const added = await store.addTasks(run.id, action.tasks);
        for (const task of added) await store.addEvent({ runId: run.id, type: `${task.kind}-planned`, table: task.table, detail: {} });
        return;
      }
      case 'end':
        await this.end(run, action);
        return;
    }
    action satisfies never;
  }

  private async end(run: Run, { state, error }: Pick<Extract<PlanAction, { do: 'end' }>, 'state' | 'error'>, onlyIf?: 'gap'): Promise<void> {
    const { store, logger } = this.deps;
    if (!(await store.endRun(run.id, state, error, onlyIf))) return;
    await store.addEvent({ runId: run.id, type: `run-${state}`, table: null, detail: { error } });
    logger[state === 'failed' ? 'error' : 'info']({ pipeline: run.pipeline, runId: run.id, error }, `run ${state}`);
    tell(this.deps, { type: 'run-changed', pipeline: run.pipeline, runId: run.id });
  }

  private async enqueue(): Promise<void> {
    if ((await this.reconciler.look()) > 0) this.busy = true;
  }
}

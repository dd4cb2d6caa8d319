import { planNext, type PlanAction, type Run, type RunView } from '@elstream/control';
import { ElstreamError, describeError, hasPassedDirect, sleep, type Service } from '@elstream/core';
import type { JobWorker, QueueName } from '@elstream/jobs';
import type { TableState } from '@elstream/warehouse';
import type { ReplicationDeps } from '../deps';
import type { PipelineHandle } from '../pipeline';
import { queueOf } from '../task-worker';
import { gapRunDue } from './gap-run';

export interface PlannerOptions {
  /** Between looks while a run is active, milliseconds. */
  readonly activeMs: number;
  /** Between looks while none is. */
  readonly idleMs: number;
  /** A running task whose claim was not renewed for this long is free again, milliseconds. */
  readonly abandonedMs: number;
  /** This process is the only one of its kind: tasks left running by an earlier one are freed at once when it starts. */
  readonly alone: boolean;
  /** Queues this process hands tasks to; default all. With a queue of its own per process: those it works itself. */
  readonly queues: readonly QueueName[];
}

const DEFAULTS: PlannerOptions = { activeMs: 400, idleMs: 2_000, abandonedMs: 30_000, alone: false, queues: ['preload', 'stream', 'validate'] };
const ENQUEUE_LIMIT = 1_000;
const MAX_STEPS = 10;

/**
 * Moves runs on: reads the control tables, asks the pure planner, writes what it says, hands pending tasks to the queue.
 * Everything is found in the tables again at the next look, so it may die anywhere and any process may take over.
 */
export function createPlanner(deps: ReplicationDeps, options: Partial<PlannerOptions> = {}): Service {
  return new PlannerService(deps, { ...DEFAULTS, ...options });
}

class PlannerService implements Service {
  private worker: JobWorker | null = null;
  private closing: Promise<void> | null = null;
  private readonly done = new AbortController();
  private freed = false;
  private busy = true;
  private lookedAt = 0;
  private releasedAt = 0;

  constructor(
    private readonly deps: ReplicationDeps,
    private readonly options: PlannerOptions,
  ) {}

  async run(): Promise<void> {
    if (this.closing !== null) return;
    const unsubscribe = this.deps.bus.subscribe(() => {
      this.busy = true;
    });
    this.worker = this.deps.queue.repeat('planner', this.options.activeMs, (signal) => this.tick(signal));
    while (!this.done.signal.aborted) await sleep(3_600_000, this.done.signal);
    unsubscribe();
  }

  stop(): Promise<void> {
    return (this.closing ??= (async () => {
      await this.worker?.close();
      this.done.abort();
    })());
  }

  private async tick(signal: AbortSignal): Promise<void> {
    const { clock, logger, observer } = this.deps;
    observer.alive('planner');
    if (!this.busy && clock() - this.lookedAt < this.options.idleMs) return;
    this.lookedAt = clock();
    this.busy = false;
    try {
      await this.release();
      for (const name of this.deps.registry.names()) {
        if (signal.aborted) return;
        await this.lookAfter(this.deps.registry.get(name));
      }
      await this.enqueue();
    } catch (error) {
      this.busy = true;
      logger.warn({ error: describeError(error) }, 'runs could not be planned just now; tried again');
    }
  }

  private async release(): Promise<void> {
    const { store, workerId, clock, logger } = this.deps;
    if (this.options.alone && !this.freed) {
      const freed = await store.releaseAbandoned({ olderThanMs: 0, except: workerId });
      this.freed = true;
      if (freed > 0) logger.info({ tasks: freed }, 'tasks left by an earlier process go on');
    }
    if (clock() - this.releasedAt < this.options.abandonedMs / 6) return;
    this.releasedAt = clock();
    const released = await store.releaseAbandoned({ olderThanMs: this.options.abandonedMs });
    if (released > 0) logger.warn({ tasks: released }, 'tasks of silent workers are free again');
  }

  private async lookAfter(pipeline: PipelineHandle): Promise<void> {
    const { store, clock, logger, bus } = this.deps;
    const record = await store.readPipeline(pipeline.name);
    if (record === null) return;
    await this.promote(pipeline);
    const [latest] = await store.readRuns({ pipeline: pipeline.name, limit: 1 });
    if (gapRunDue(record, latest ?? null, clock())) {
      const run = await createGapRun(this.deps, pipeline.name);
      if (run !== null) {
        logger.warn({ pipeline: pipeline.name, runId: run.id, reason: record.gapReason }, 'run started by itself after a log gap');
        await bus.publish({ type: 'run-changed', pipeline: pipeline.name, runId: run.id });
      }
    }
    for (const run of await store.readRuns({ pipeline: pipeline.name, states: ['pending', 'running'], limit: 10 })) {
      this.busy = true;
      if (record.gapReason !== null && (await this.overtaken(run))) await this.act(run, { do: 'end', state: 'failed', error: `log gap: ${record.gapReason}; the tables are preloaded again` });
      else await this.advance(pipeline, run);
    }
  }

  /**
   * A log gap found once the run was prepared: its tables can never become live, as the stream stands. It ends, and the
   * gap's own run declares the gap. A preparation at work does that itself.
   */
  private async overtaken(run: Run): Promise<boolean> {
    if (run.state !== 'running') return false;
    if (!run.stages.includes('prepare')) return true;
    return (await this.deps.store.summarize(run.id)).some((t) => t.kind === 'prepare' && t.state === 'done' && t.tasks > 0);
  }

  /** R4: `live` follows from what is stored, the checkpoint and H; so any process may find it. */
  private async promote(pipeline: PipelineHandle): Promise<void> {
    const { warehouse, name } = pipeline;
    const states = await warehouse.readTableStates(name);
    if (!states.some((s) => s.phase === 'catching-up')) return;
    const checkpoint = await warehouse.readCheckpoint(name, 0);
    if (checkpoint === null) return;
    const live = await warehouse.promoteLive(name, (liveAt) => hasPassedDirect(checkpoint.next, liveAt));
    for (const table of live) {
      this.deps.logger.info({ pipeline: name, table }, 'table is live');
      const runId = states.find((s) => s.table === table)?.runId ?? null;
      if (runId !== null) await this.deps.store.addEvent({ runId, type: 'table-live', table, detail: {} });
    }
  }

  private async advance(pipeline: PipelineHandle, first: Run): Promise<void> {
    let run: Run | null = first;
    for (let step = 0; run !== null && step < MAX_STEPS; step += 1) {
      const actions = planNext(await this.view(pipeline, run));
      if (actions.length === 0) return;
      for (const action of actions) await this.act(run, action);
      await this.deps.bus.publish({ type: 'run-changed', pipeline: pipeline.name, runId: run.id });
      run = await this.deps.store.readRun(run.id);
    }
  }

  private async view(pipeline: PipelineHandle, run: Run): Promise<RunView> {
    const { store } = this.deps;
    const states: readonly TableState[] = await pipeline.warehouse.readTableStates(pipeline.name);
    const tasks = await store.summarize(run.id);
    const failed = tasks.some((t) => t.state === 'failed' && t.tasks > 0);
    const firstFailed = failed ? await store.readTasks(run.id, { state: 'failed', limit: 1 }) : [];
    return { run, tasks, phases: new Map(states.map((s) => [s.table, s])), firstError: firstFailed[0]?.error ?? null };
  }

  private async act(run: Run, action: PlanAction): Promise<void> {
    const { store, logger } = this.deps;
    const log = logger.child({ pipeline: run.pipeline, runId: run.id });
    switch (action.do) {
      case 'start':
        await store.startRun(run.id);
        await store.addEvent({ runId: run.id, type: 'run-started', table: null, detail: { reason: run.reason } });
        log.info({ reason: run.reason }, 'run started');
        return;
      case 'add-tasks': {
        const added = await store.addTasks(run.id, action.tasks);
        for (const task of added) await store.addEvent({ runId: run.id, type: `${task.kind}-planned`, table: task.table, detail: {} });
        return;
      }
      case 'end': {
        if (!(await store.endRun(run.id, action.state, action.error))) return;
        await store.addEvent({ runId: run.id, type: `run-${action.state}`, table: null, detail: { error: action.error } });
        log[action.state === 'failed' ? 'error' : 'info']({ error: action.error }, `run ${action.state}`);
        return;
      }
    }
    action satisfies never;
  }

  /** Whatever is pending goes to the queue; what waits there already is not added twice. */
  private async enqueue(): Promise<void> {
    const { store, queue, registry } = this.deps;
    const pending = await store.pendingTasks(ENQUEUE_LIMIT);
    if (pending.length > 0) this.busy = true;
    for (const task of pending) {
      const name = queueOf(task.kind);
      if (!registry.has(task.pipeline) || !this.options.queues.includes(name)) continue;
      await queue.enqueue({ queue: name, taskId: task.id, pipeline: task.pipeline });
    }
  }
}

/** Null if a run was started meanwhile: it will declare the gap as well. */
async function createGapRun({ store }: ReplicationDeps, pipeline: string): Promise<Run | null> {
  try {
    return await store.createRun({ pipeline, reason: 'log-gap', tables: [] });
  } catch (error) {
    if (error instanceof ElstreamError && error.code === 'RUN_ACTIVE') return null;
    throw error;
  }
}

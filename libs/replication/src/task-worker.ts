import type { Task, TaskKind } from '@elstream/control';
import { ElstreamError, describeError, recoveryOf, sleep, type Logger, type Service, type TaskClaim } from '@elstream/core';
import type { Job, JobWorker, QueueName, WorkOptions } from '@elstream/jobs';
import type { ReplicationDeps } from './deps';
import type { PipelineHandle } from './pipeline';
import { Progress } from './progress';
import { withRetries } from './retry';
import { finishTable } from './tasks/finish-table';
import { finishValidation } from './tasks/finish-validation';
import { historyChunk } from './tasks/history-chunk';
import { openTable } from './tasks/open-table';
import { planValidation } from './tasks/plan-validation';
import { preloadChunk } from './tasks/preload-chunk';
import { prepare } from './tasks/prepare';
import { repairRows } from './tasks/repair-rows';
import type { TaskContext, TaskHandler } from './tasks/task-context';
import { validateChunk } from './tasks/validate-chunk';
import { tell } from './tell';

export interface TaskWorkerOptions {
  /** Tasks worked at once. */
  readonly concurrency: number;
  /** Between renewals of a claim, milliseconds; default a third of `deps.leaseMs`. */
  readonly heartbeatMs?: number;
  readonly backoff?: WorkOptions['backoff'];
  readonly rate?: WorkOptions['rate'];
}

const HANDLERS: Readonly<Record<TaskKind, TaskHandler>> = {
  prepare,
  'open-table': openTable,
  'preload-chunk': preloadChunk,
  'finish-table': finishTable,
  'plan-validation': planValidation,
  'validate-chunk': validateChunk,
  'history-chunk': historyChunk,
  'finish-validation': finishValidation,
  'repair-rows': repairRows,
};

const BACKOFF = { minMs: 500, maxMs: 30_000 };
const RECORDING = { minMs: 200, maxMs: 2_000, tries: 5 };
/** Between looks at whether the work moves, milliseconds. */
const LOOK_MS = 5_000;

/** A task being worked here. */
interface InHand {
  readonly claim: TaskClaim;
  readonly progress: Progress;
  /** Aborts when the task is no longer ours. */
  readonly lost: AbortController;
}

/** Which service works a task. */
export function queueOf(kind: TaskKind): QueueName {
  switch (kind) {
    case 'prepare':
    case 'open-table':
    case 'preload-chunk':
    case 'history-chunk':
    case 'finish-table':
      return 'preload';
    case 'plan-validation':
    case 'validate-chunk':
    case 'finish-validation':
    case 'repair-rows':
      return 'validate';
  }
  kind satisfies never;
  throw new RangeError(`no queue works ${String(kind)}`);
}

/**
 * Works the tasks of one queue: claim, renew while at it, do, complete or fail. The claim fences everything (R4): a job
 * delivered twice, or a worker that was asleep, changes nothing. What happens to an error is said by its recovery class:
 * `retry` puts the task back and lets the queue back off, `lost` is given up silently, all others fail the task for good.
 */
export function createTaskWorker(deps: ReplicationDeps, queue: QueueName, options: TaskWorkerOptions): Service {
  return new TaskWorker(deps, queue, options);
}

class TaskWorker implements Service {
  private worker: JobWorker | null = null;
  private stopped = false;
  private closing: Promise<void> | null = null;
  private readonly done = new AbortController();
  private readonly inHand = new Set<InHand>();

  constructor(
    private readonly deps: ReplicationDeps,
    private readonly queue: QueueName,
    private readonly options: TaskWorkerOptions,
  ) {}

  async run(): Promise<void> {
    if (this.stopped) return;
    const { concurrency, backoff = BACKOFF, rate } = this.options;
    this.worker ??= this.deps.queue.work(this.queue, { concurrency, backoff, ...(rate === undefined ? {} : { rate }) }, (job, signal) => this.work(job, signal));
    for (; !this.done.signal.aborted; await sleep(LOOK_MS, this.done.signal)) this.look();
  }

  stop(): Promise<void> {
    this.stopped = true;
    return (this.closing ??= (async () => {
      await this.worker?.close();
      this.done.abort();
    })());
  }

  /** The process is alive while jobs are taken and every handler moves; what does not for long gets it started again. */
  private look(): void {
    const { deps, queue } = this;
    const hung = [...this.inHand].filter(({ progress }) => progress.hangs).length;
    const healthy = this.worker?.healthy() ?? false;
    if (healthy && hung === 0) deps.observer.alive(`tasks:${queue}`);
    else deps.logger.error({ queue, healthy, hung }, 'tasks are not worked any more');
  }

  private async work(job: Job, stopping: AbortSignal): Promise<void> {
    const { deps } = this;
    // Not ours: a pipeline of another process. It waits in the control tables for that one.
    if (!deps.registry.has(job.pipeline) || stopping.aborted) return;
    const held = deps.registry.hold(job.pipeline);
    try {
      const asked = deps.clock();
      const claimed = await deps.store.claim(job.taskId, deps.workerId);
      if (claimed === null) return;
      const inHand: InHand = { claim: claimed.claim, progress: new Progress(deps.clock), lost: new AbortController() };
      await this.workClaimed(held.pipeline, { ...claimed, inHand, asked, stopping });
    } finally {
      held.release();
    }
  }

  private async workClaimed(pipeline: PipelineHandle, { task, claim, inHand, asked, stopping }: Claimed): Promise<void> {
    const { deps } = this;
    const signal = AbortSignal.any([stopping, inHand.lost.signal]);
    const logger = deps.logger.child({ pipeline: task.pipeline, runId: task.runId, table: task.table, task: task.kind, taskId: task.id, attempt: task.attempt });
    const { moved, longStep } = inHand.progress;
    const context: TaskContext = { deps, pipeline, task, claim, signal, logger, moved, longStep };
    const ended = new AbortController();
    const heartbeat = this.keep(inHand, { asked, signal: AbortSignal.any([signal, ended.signal]), logger });
    this.inHand.add(inHand);
    try {
      const { runId, attempt } = task;
      await deps.tracer.span(`task ${task.kind}`, { pipeline: pipeline.name, runId, attempt, ...(task.table === null ? {} : { table: task.table }) }, () => this.perform(context));
    } catch (error) {
      await this.settleError(context, error, { stopping, lost: inHand.lost.signal });
    } finally {
      this.inHand.delete(inHand);
      ended.abort();
      await heartbeat;
      tell(deps, { type: 'run-changed', pipeline: task.pipeline, runId: task.runId });
    }
  }

  private async perform(context: TaskContext): Promise<void> {
    const { deps, task, claim, logger, pipeline, signal } = context;
    const began = deps.clock();
    const outcome = await HANDLERS[task.kind](context);
    let kept = outcome.outcome !== 'lost';
    if (outcome.outcome === 'done') {
      kept = await withRetries(() => deps.store.complete(claim, outcome.result, outcome.follow ?? []), RECORDING, signal);
    }
    deps.observer.taskEnded(pipeline.name, task.kind, kept ? 'done' : 'lost');
    if (!kept) logger.info({}, 'task given up: it is not ours any more');
    else if (task.kind !== 'preload-chunk' && task.kind !== 'validate-chunk') logger.info({ ms: deps.clock() - began }, 'task done');
  }

  private async settleError(context: TaskContext, error: unknown, signals: { readonly stopping: AbortSignal; readonly lost: AbortSignal }): Promise<void> {
    const { deps, task, claim, logger, pipeline } = context;
    const recovery = recoveryOf(error);
    if (signals.lost.aborted || recovery === 'lost') {
      deps.observer.taskEnded(pipeline.name, task.kind, 'lost');
      logger.info({}, 'task given up: it is not ours any more');
      return;
    }
    const again = recovery === 'retry' || signals.stopping.aborted;
    deps.observer.taskEnded(pipeline.name, task.kind, again ? 'retry' : 'failed');
    const message = describeError(error);
    if (signals.stopping.aborted) logger.info({}, 'stopped: the task goes back');
    else if (again) logger.warn({ error: message }, 'task will be tried again');
    else logger.error({ error: message }, 'task failed');
    await this.record(() => deps.store.fail(claim, message, !again), context);
    // The queue backs off on `retry`; a stopping worker takes nothing more anyway.
    if (again && !signals.stopping.aborted) throw error instanceof ElstreamError ? error : new ElstreamError('TASK_RETRY', 'retry', message, { cause: error });
  }

  /** If even this cannot be written, the claim is not renewed and the planner frees the task. */
  private async record(step: () => Promise<boolean>, { logger }: TaskContext): Promise<void> {
    try {
      await withRetries(step, RECORDING);
    } catch (error) {
      logger.warn({ error: describeError(error) }, 'the end of the task could not be recorded; it is freed when its claim runs out');
    }
  }

  /**
   * Renews the claim as long as the handler moves. It counts as held for `leaseMs` after a renewal was *asked* for: once
   * none has come through for that long, whether refused, failing or unanswered, the task is given up. The planner frees
   * it not before the same time after the server noted the renewal, so the next worker finds this one at rest. (Where it
   * does not, as after a stop of the whole process, the claim's attempt number keeps it from writing.)
   */
  private async keep(inHand: InHand, held: { readonly asked: number; readonly signal: AbortSignal; readonly logger: Logger }): Promise<void> {
    const { store, clock, leaseMs } = this.deps;
    const { signal, logger } = held;
    const everyMs = this.options.heartbeatMs ?? leaseMs / 3;
    for (let heldUntil = held.asked + leaseMs; ; ) {
      await sleep(Math.max(0, Math.min(everyMs, heldUntil - clock())), signal);
      if (signal.aborted) return;
      const asked = clock();
      let renewed: boolean | null = null;
      if (!inHand.progress.hangs) {
        // Ended with the answer: left to run out, such sleeps would pile up on the signal, one per renewal.
        const answered = new AbortController();
        try {
          renewed = await Promise.race([store.renew(inHand.claim), sleep(Math.max(0, heldUntil - asked), AbortSignal.any([signal, answered.signal])).then(() => null)]);
        } catch (error) {
          logger.warn({ error: describeError(error) }, 'claim could not be renewed');
        } finally {
          answered.abort();
        }
      }
      if (signal.aborted) return;
      if (renewed === true) heldUntil = asked + leaseMs;
      if (renewed === false || clock() >= heldUntil) {
        inHand.lost.abort();
        return;
      }
    }
  }
}

interface Claimed {
  readonly task: Task;
  readonly claim: TaskClaim;
  readonly inHand: InHand;
  /** When the claim was asked for. */
  readonly asked: number;
  readonly stopping: AbortSignal;
}

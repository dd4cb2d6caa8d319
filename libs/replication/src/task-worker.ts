import type { TaskKind } from '@elstream/control';
import { ElstreamError, describeError, recoveryOf, sleep, type Service, type TaskClaim } from '@elstream/core';
import type { Job, JobWorker, QueueName } from '@elstream/jobs';
import type { ReplicationDeps } from './deps';
import { withRetries } from './retry';
import { finishTable } from './tasks/finish-table';
import { openTable } from './tasks/open-table';
import { planValidation } from './tasks/plan-validation';
import { preloadChunk } from './tasks/preload-chunk';
import { prepare } from './tasks/prepare';
import type { TaskContext, TaskHandler } from './tasks/task-context';
import { validateChunk } from './tasks/validate-chunk';

export interface TaskWorkerOptions {
  /** Tasks worked at once. */
  readonly concurrency: number;
  /** Between renewals of a claim, milliseconds; default 5,000. */
  readonly heartbeatMs?: number;
  readonly backoff?: { readonly minMs: number; readonly maxMs: number };
}

const HANDLERS: Readonly<Record<TaskKind, TaskHandler>> = {
  prepare,
  'open-table': openTable,
  'preload-chunk': preloadChunk,
  'finish-table': finishTable,
  'plan-validation': planValidation,
  'validate-chunk': validateChunk,
};

const HEARTBEAT_MS = 5_000;
const BACKOFF = { minMs: 500, maxMs: 30_000 };
const RECORDING = { minMs: 200, maxMs: 2_000, tries: 5 };

/** Which service works a task. */
export function queueOf(kind: TaskKind): QueueName {
  return kind === 'plan-validation' || kind === 'validate-chunk' ? 'validate' : 'preload';
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

  constructor(
    private readonly deps: ReplicationDeps,
    private readonly queue: QueueName,
    private readonly options: TaskWorkerOptions,
  ) {}

  async run(): Promise<void> {
    if (this.stopped) return;
    const { concurrency, backoff = BACKOFF } = this.options;
    this.worker ??= this.deps.queue.work(this.queue, { concurrency, backoff }, (job, signal) => this.work(job, signal));
    while (!this.done.signal.aborted) await sleep(3_600_000, this.done.signal);
  }

  stop(): Promise<void> {
    this.stopped = true;
    return (this.closing ??= (async () => {
      await this.worker?.close();
      this.done.abort();
    })());
  }

  private async work(job: Job, stopping: AbortSignal): Promise<void> {
    const { deps } = this;
    // Not ours: a pipeline of another process. It waits in the control tables for that one.
    if (!deps.registry.has(job.pipeline) || stopping.aborted) return;
    const claimed = await deps.store.claim(job.taskId, deps.workerId);
    if (claimed === null) return;
    const { task, claim } = claimed;
    const lost = new AbortController();
    const signal = AbortSignal.any([stopping, lost.signal]);
    const logger = deps.logger.child({ pipeline: task.pipeline, table: task.table, task: task.kind, taskId: task.id, attempt: task.attempt });
    const context: TaskContext = { deps, pipeline: deps.registry.get(task.pipeline), task, claim, signal, logger };
    const ended = new AbortController();
    const heartbeat = this.renew(claim, AbortSignal.any([signal, ended.signal]), lost);
    try {
      await this.perform(context);
    } catch (error) {
      await this.settleError(context, error, { stopping, lost: lost.signal });
    } finally {
      ended.abort();
      await heartbeat;
      await deps.bus.publish({ type: 'run-changed', pipeline: task.pipeline, runId: task.runId });
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

  private async renew(claim: TaskClaim, signal: AbortSignal, lost: AbortController): Promise<void> {
    const everyMs = this.options.heartbeatMs ?? HEARTBEAT_MS;
    for (;;) {
      await sleep(everyMs, signal);
      if (signal.aborted) return;
      try {
        if (!(await this.deps.store.renew(claim))) lost.abort();
      } catch (error) {
        // The transaction that ends the task checks the claim itself; a missed renewal only makes it free sooner.
        this.deps.logger.warn({ error: describeError(error) }, 'claim could not be renewed');
      }
    }
  }
}

/** Queues by the service that works them: preloader, streamer, validator. */
export type QueueName = 'preload' | 'stream' | 'validate';

/** A delivery of one task. The truth about the task is in the control tables; a job only says "look at it now". */
export interface Job {
  readonly queue: QueueName;
  readonly taskId: string;
  readonly pipeline: string;
}

export interface EnqueueOptions {
  /** Not before this many milliseconds from now. */
  readonly delayMs?: number;
  /** Lower runs first; default 0. A whole number from 0 to 2,000,000. */
  readonly priority?: number;
}

export interface WorkOptions {
  /** Jobs worked at once by this worker. */
  readonly concurrency: number;
  /** Back-off between tries of a job whose handler threw a `retry` error; without limit of tries (R7). */
  readonly backoff: { readonly minMs: number; readonly maxMs: number };
  /**
   * At most so many jobs begun per time, over all workers of the queue in all processes; default no limit. Counted in
   * windows of `perMs`, the first opened by the first job; a window opens with the first job begun after the last ended.
   */
  readonly rate?: { readonly jobs: number; readonly perMs: number };
}

/** Works one job. `signal` aborts when the worker closes: finish or give up soon (R12). */
export type JobHandler = (job: Job, signal: AbortSignal) => Promise<void>;

export interface JobWorker {
  /** False once its loop has ended by itself: then it takes no job any more, and the process should be started again. A queue server that is away is no such case. */
  healthy(): boolean;
  /** Takes no more jobs and waits for those in hand (their signal is aborted). */
  close(): Promise<void>;
}

/**
 * Delivers tasks to workers. At least once: the handler must cope with a duplicate (it claims the task first).
 * - `enqueue` fails with recovery `retry`, within seconds, while the queue's server is away: nothing hangs for it.
 *   `enqueueAll` is the same for many jobs of any queues, in few round trips and cheap for those that wait already (the
 *   reconciler hands over everything pending at every look).
 * - `enqueue` of a task that already waits in the queue changes nothing; of one being worked: it may be delivered again after.
 * - a handler that throws `ElstreamError` with recovery `retry` gets the job again after back-off; any other error ends
 *   the job (the handler has recorded it in the control tables before).
 * - `repeat` calls `tick` every `everyMs` in one process at a time, never two at once, first tick at once.
 */
export interface JobQueue {
  enqueue(job: Job, options?: EnqueueOptions): Promise<void>;
  enqueueAll(jobs: readonly Job[], options?: EnqueueOptions): Promise<void>;
  work(queue: QueueName, options: WorkOptions, handler: JobHandler): JobWorker;
  repeat(name: string, everyMs: number, tick: (signal: AbortSignal) => Promise<void>): JobWorker;
  /** Jobs waiting and being worked, per queue. */
  counts(): Promise<Readonly<Record<QueueName, { readonly waiting: number; readonly active: number }>>>;
  /** Closes all workers, then the queue. What waits may be forgotten: the control tables know it. */
  close(): Promise<void>;
}

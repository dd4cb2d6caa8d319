import { ElstreamError, systemClock, type Clock, type Logger } from '@elstream/core';
import type { EnqueueOptions, Job, JobHandler, JobQueue, JobWorker, QueueName, WorkOptions } from '@elstream/jobs';
import { Lane } from './lane';
import { Repeats } from './repeats';

export interface InProcessQueueOptions {
  readonly logger: Logger;
  readonly clock?: Clock;
}

/** A job queue for services in one process: jobs live in memory, a task is worked at most once at a time. */
export function createInProcessQueue(options: InProcessQueueOptions): JobQueue {
  return new InProcessQueue(options.clock ?? systemClock, options.logger);
}

class InProcessQueue implements JobQueue {
  private readonly lanes: Readonly<Record<QueueName, Lane>>;
  private readonly repeats: Repeats;
  private closed = false;

  constructor(clock: Clock, logger: Logger) {
    this.lanes = { preload: new Lane(clock, logger), stream: new Lane(clock, logger), validate: new Lane(clock, logger) };
    this.repeats = new Repeats(clock, logger);
  }

  async enqueue(job: Job, options: EnqueueOptions = {}): Promise<void> {
    this.check();
    this.lanes[job.queue].enqueue(job, options);
  }

  async enqueueAll(jobs: readonly Job[], options: EnqueueOptions = {}): Promise<void> {
    this.check();
    for (const job of jobs) this.lanes[job.queue].enqueue(job, options);
  }

  work(queue: QueueName, options: WorkOptions, handler: JobHandler): JobWorker {
    this.check();
    return this.lanes[queue].work(options, handler);
  }

  repeat(name: string, everyMs: number, tick: (signal: AbortSignal) => Promise<void>): JobWorker {
    this.check();
    return this.repeats.start(name, everyMs, tick);
  }

  async counts(): ReturnType<JobQueue['counts']> {
    const { preload, stream, validate } = this.lanes;
    return { preload: preload.counts(), stream: stream.counts(), validate: validate.counts() };
  }

  async close(): Promise<void> {
    this.closed = true;
    await Promise.all([this.repeats.close(), ...Object.values(this.lanes).map((lane) => lane.close())]);
  }

  /** `lost`: who still enqueues while the process stops has nothing to do about it; the task stands in the control tables. */
  private check(): void {
    if (this.closed) throw new ElstreamError('QUEUE_CLOSED', 'lost', 'the job queue is closed: this process is stopping; another takes the task up');
  }
}

import { ElstreamError, type Logger } from '@elstream/core';
import type { EnqueueOptions, Job, JobHandler, JobQueue, JobWorker, QueueName, WorkOptions } from '@elstream/jobs';
import { closeRedis, openRedis } from '@elstream/redis';
import type { RedisSettings } from '@elstream/config';
import type { Redis } from 'ioredis';
import { Producer } from './producer';
import { startRepeat } from './repeat';
import { startTaskWorker } from './task-worker';

export interface BullMqQueueOptions {
  readonly redis: RedisSettings;
  readonly logger: Logger;
  /** How long a worker may be silent before its jobs go to others (LEASE_DURATION). */
  readonly leaseMs: number;
}

/**
 * The job queue of several processes: BullMQ on Redis, under the keys that start with the settings' prefix. Returns at
 * once, also when Redis is away (`checkRedis` says at start whether it can serve).
 *
 * @throws ElstreamError `REDIS_SETTINGS` (refuse)
 */
export function createBullMqQueue(options: BullMqQueueOptions): JobQueue {
  return new BullMqQueue(options);
}

class BullMqQueue implements JobQueue {
  private readonly ask: Redis;
  private readonly producers: Readonly<Record<QueueName, Producer>>;
  private readonly workers = new Set<JobWorker>();
  private closed: Promise<void> | null = null;

  constructor(private readonly options: BullMqQueueOptions) {
    const { redis, logger } = options;
    this.ask = openRedis(redis, { logger, name: 'queue' });
    // Three queues and the repeats share it.
    this.ask.setMaxListeners(100);
    const producer = (name: QueueName): Producer => new Producer(name, { redis: this.ask, prefix: redis.prefix, logger });
    this.producers = { preload: producer('preload'), stream: producer('stream'), validate: producer('validate') };
  }

  async enqueue(job: Job, options: EnqueueOptions = {}): Promise<void> {
    this.check();
    await this.producers[job.queue].add([job], options);
  }

  async enqueueAll(jobs: readonly Job[], options: EnqueueOptions = {}): Promise<void> {
    this.check();
    for (const producer of Object.values(this.producers)) await producer.add(jobs.filter((job) => job.queue === producer.name), options);
  }

  work(queue: QueueName, work: WorkOptions, handler: JobHandler): JobWorker {
    this.check();
    return this.keep(startTaskWorker({ ...this.shared(), redis: this.openWaiting(`${queue} worker`), queue, work }, handler));
  }

  repeat(name: string, everyMs: number, tick: (signal: AbortSignal) => Promise<void>): JobWorker {
    this.check();
    return this.keep(startRepeat({ ...this.shared(), name, everyMs, tick, ask: this.ask, wait: this.openWaiting(`${name} repeat`) }));
  }

  async counts(): ReturnType<JobQueue['counts']> {
    const { preload, stream, validate } = this.producers;
    const [p, s, v] = await Promise.all([preload.counts(), stream.counts(), validate.counts()]);
    return { preload: p, stream: s, validate: v };
  }

  close(): Promise<void> {
    this.closed ??= this.shut();
    return this.closed;
  }

  private async shut(): Promise<void> {
    await Promise.all([...this.workers].map((worker) => worker.close()));
    await Promise.all(Object.values(this.producers).map((producer) => producer.close()));
    await closeRedis(this.ask);
  }

  private shared(): { readonly prefix: string; readonly logger: Logger; readonly leaseMs: number } {
    return { prefix: this.options.redis.prefix, logger: this.options.logger, leaseMs: this.options.leaseMs };
  }

  private openWaiting(name: string): Redis {
    return openRedis(this.options.redis, { logger: this.options.logger, name, use: 'wait' });
  }

  private keep(worker: JobWorker): JobWorker {
    this.workers.add(worker);
    return worker;
  }

  /** `lost`: who still enqueues while the process stops has nothing to do about it; the task stands in the control tables. */
  private check(): void {
    if (this.closed !== null) throw new ElstreamError('QUEUE_CLOSED', 'lost', 'the job queue is closed: this process is stopping; another takes the task up');
  }
}

import type { Logger } from '@elstream/core';
import type { EnqueueOptions, Job, QueueName } from '@elstream/jobs';
import { redisError, throttle, withRedis } from '@elstream/redis';
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { jobId, jobsOptions, TASK, type JobData } from './job-fields';

/** Jobs per round trip: what Redis does in one go holds everybody else up. */
const SLICE = 500;
const SAY_AGAIN_MS = 30_000;
/** Which of the keys are there; one command, since most of what the reconciler hands over waits already. */
const EXISTING = `local r = {} for i, k in ipairs(KEYS) do r[i] = redis.call('EXISTS', k) end return r`;

export interface ProducerOptions {
  readonly redis: Redis;
  readonly prefix: string;
  readonly logger: Logger;
}

/**
 * A BullMQ queue on a shared connection. It keeps no state in Redis but jobs, so nothing has to be put back when Redis
 * was emptied. The version check is `checkRedis`'s: BullMQ's own, if it failed once, would fail every later command.
 */
export function openQueue(name: string, { redis, prefix, logger }: ProducerOptions): Queue<JobData> {
  const queue = new Queue<JobData>(name, { connection: redis, prefix, skipVersionCheck: true, skipMetasUpdate: true });
  const sayable = throttle(SAY_AGAIN_MS);
  queue.on('error', (error) => {
    const { code, message } = redisError(error);
    // That Redis is away is the connection's to say.
    if (code !== 'REDIS_AWAY' && sayable(code) > 0) logger.warn({ queue: name, code, error: message }, 'the queue meets an error in Redis');
  });
  return queue;
}

/** Enqueues tasks of one queue and counts them. Everything fails within seconds when Redis is away. */
export class Producer {
  private readonly queue: Queue<JobData>;

  constructor(
    readonly name: QueueName,
    private readonly options: ProducerOptions,
  ) {
    this.queue = openQueue(name, options);
  }

  /** Adds those that are not there yet. Between the look and the adding another may add them: BullMQ keeps the first. */
  async add(jobs: readonly Job[], options: EnqueueOptions): Promise<void> {
    for (let i = 0; i < jobs.length; i += SLICE) {
      const missing = await this.missing(jobs.slice(i, i + SLICE));
      if (missing.length > 0) await withRedis(this.options.redis, () => this.queue.addBulk(missing.map((job) => this.entry(job, options))));
    }
  }

  async counts(): Promise<{ readonly waiting: number; readonly active: number }> {
    const c = await withRedis(this.options.redis, () => this.queue.getJobCounts('wait', 'prioritized', 'delayed', 'active'));
    return { waiting: (c['wait'] ?? 0) + (c['prioritized'] ?? 0) + (c['delayed'] ?? 0), active: c['active'] ?? 0 };
  }

  async close(): Promise<void> {
    await this.queue.close();
  }

  private async missing(jobs: readonly Job[]): Promise<readonly Job[]> {
    if (jobs.length === 1) return jobs;
    const keys = jobs.map((job) => this.queue.toKey(jobId(job.taskId)));
    const existing = await withRedis(this.options.redis, (redis) => redis.eval(EXISTING, keys.length, ...keys));
    return Array.isArray(existing) ? jobs.filter((_, i) => existing[i] !== 1) : jobs;
  }

  private entry(job: Job, options: EnqueueOptions): Parameters<Queue<JobData>['addBulk']>[0][number] {
    return { name: TASK, data: { taskId: job.taskId, pipeline: job.pipeline }, opts: jobsOptions(job, options) };
  }
}

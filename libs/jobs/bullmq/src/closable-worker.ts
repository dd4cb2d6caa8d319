import { describeError, sleep, type Logger } from '@elstream/core';
import type { JobWorker } from '@elstream/jobs';
import { closeRedis, redisError, throttle } from '@elstream/redis';
import { Worker, type Job as BullJob, type WorkerOptions } from 'bullmq';
import type { Redis } from 'ioredis';

export interface ClosableWorkerOptions {
  readonly name: string;
  readonly prefix: string;
  /** Its own connection, of the `wait` kind; closed with the worker. */
  readonly redis: Redis;
  readonly logger: Logger;
  readonly leaseMs: number;
  readonly bull: Pick<WorkerOptions, 'concurrency' | 'limiter' | 'settings'>;
}

/** How long Redis may take to hear how the last jobs ended; a result it misses is found by the control tables. */
const LAST_WORDS_MS = 2_000;
const SAY_AGAIN_MS = 30_000;
/** Errors in a second that are a storm: a Redis that answers every fetch with an error would be asked without pause. */
const STORM = 10;
const CALM_MS = 1_000;

/**
 * A BullMQ worker that outlives its Redis: emptied, killed, restarted or away for hours. Its connection comes back by
 * itself, what it holds in memory of jobs Redis forgot is dropped, and errors are logged at most every 30 s per kind.
 *
 * A job's lock is `leaseMs` long and renewed every half of it. Who cannot renew it (stopped, cut off) loses the job to
 * another, at most twice `leaseMs` later, and any number of times: the control tables decide whose result counts.
 */
export class ClosableWorker implements JobWorker {
  private readonly worker: Worker;
  private readonly inHand = new Set<Promise<void>>();
  private readonly stop = new AbortController();
  private readonly sayable = throttle(SAY_AGAIN_MS);
  private broken = false;
  private closed: Promise<void> | null = null;
  private errors = { second: 0, count: 0 };

  /** @param process works one job; what it throws is what BullMQ does with the job */
  constructor(
    private readonly options: ClosableWorkerOptions,
    process: (job: BullJob, signal: AbortSignal) => Promise<void>,
  ) {
    const { leaseMs, prefix, redis, bull } = options;
    this.worker = new Worker(options.name, (job) => this.track(process(job, this.stop.signal)), {
      ...bull,
      connection: redis,
      prefix,
      lockDuration: leaseMs,
      stalledInterval: Math.max(1, Math.round(leaseMs / 2)),
      maxStalledCount: 2 ** 31 - 1,
      // A wake-up that Redis forgot is made up for after so many seconds.
      drainDelay: 2,
      // A worker that its rate holds back does not hear that it is closed meanwhile.
      maximumRateLimitDelay: 250,
      runRetryDelay: 1_000,
    });
    this.worker.on('error', (error) => this.hear(error));
    this.worker.on('stalled', (id) => this.options.logger.info({ queue: options.name, job: id }, 'a job whose worker was silent for too long goes to another'));
    this.worker.waitUntilReady().catch(() => {
      this.broken = true;
    });
  }

  get signal(): AbortSignal {
    return this.stop.signal;
  }

  healthy(): boolean {
    return this.closed === null && !this.broken && this.worker.isRunning();
  }

  close(): Promise<void> {
    this.closed ??= this.shut();
    return this.closed;
  }

  private track(work: Promise<void>): Promise<void> {
    const done = work.catch(() => undefined).then(() => void this.inHand.delete(done));
    this.inHand.add(done);
    return work;
  }

  private async shut(): Promise<void> {
    this.stop.abort();
    const closing = this.worker.close().catch(() => undefined);
    while (this.inHand.size > 0) await Promise.all(this.inHand);
    if (this.options.redis.status === 'ready') await Promise.race([closing, sleep(LAST_WORDS_MS, timely(closing))]);
    // Redis is away or silent: what BullMQ still waits for ends with its connections, the blocking one included.
    await closeRedis(this.options.redis);
    await Promise.race([closing, sleep(LAST_WORDS_MS, timely(closing))]);
  }

  private hear(error: Error): void {
    this.brake();
    // BullMQ numbers its own errors: the job is not in Redis any more, or another has its lock by now.
    const forgotten = 'code' in error && typeof error.code === 'number';
    const code = forgotten ? 'JOB_FORGOTTEN' : redisError(error).code;
    // That Redis is away is the connection's to say.
    if (code === 'REDIS_AWAY' || this.sayable(code) === 0) return;
    const fields = { queue: this.options.name, code, error: describeError(error) };
    if (forgotten) this.options.logger.info(fields, 'how a job ended could not be noted: Redis was emptied, or this process was silent for too long; the control tables know it');
    else this.options.logger.warn(fields, 'the worker meets an error in Redis; it goes on');
  }

  private brake(): void {
    const second = Math.floor(performance.now() / 1_000);
    this.errors = this.errors.second === second ? { second, count: this.errors.count + 1 } : { second, count: 1 };
    if (this.errors.count !== STORM || this.closed !== null) return;
    void this.worker.pause(true).then(() => sleep(CALM_MS, this.stop.signal)).then(() => this.closed ?? this.worker.resume());
  }
}

/** Aborts when the promise has settled, so that no timer outlives what it guarded. */
function timely(promise: Promise<unknown>): AbortSignal {
  const settled = new AbortController();
  void promise.then(() => settled.abort());
  return settled.signal;
}

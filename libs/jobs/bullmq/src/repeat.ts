import { describeError, sleep, type Logger } from '@elstream/core';
import type { JobWorker } from '@elstream/jobs';
import { withRedis } from '@elstream/redis';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { ClosableWorker } from './closable-worker';
import { openQueue } from './producer';

export interface RepeatOptions {
  readonly name: string;
  readonly everyMs: number;
  readonly tick: (signal: AbortSignal) => Promise<void>;
  readonly prefix: string;
  readonly leaseMs: number;
  readonly logger: Logger;
  /** Shared, of the `ask` kind. */
  readonly ask: Redis;
  /** Its own, of the `wait` kind. */
  readonly wait: Redis;
}

const SCHEDULER = 'tick';
const LOOK_AGAIN_MS = 3_000;

/**
 * A tick on a schedule, in one process at a time: a queue of its own with one job scheduler, of which all workers
 * together work one job (BullMQ's global concurrency). Both live in Redis only, so they are put back when it comes back
 * and every few seconds. A schedule that is there already goes on as it was: its next tick is not moved by who joins.
 */
export function startRepeat(options: RepeatOptions): JobWorker {
  const { name, everyMs, logger, ask, wait } = options;
  const queueName = `repeat-${encodeURIComponent(name)}`;
  const queue = openQueue(queueName, { ...options, redis: ask });
  const worker = new ClosableWorker({ ...options, name: queueName, redis: wait, bull: { concurrency: 1 } }, async (_, signal) => {
    try {
      await options.tick(signal);
    } catch (error) {
      logger.error({ repeat: name, everyMs, error: describeError(error) }, 'a repeated step failed; it goes on with the next');
    }
  });
  const look = new Look();
  wait.on('ready', () => look.wake());
  const keeping = keep({ queue, everyMs, ask, logger, stop: worker.signal, look });
  return {
    healthy: () => worker.healthy(),
    close: async () => {
      await worker.close();
      look.wake();
      await keeping;
      await queue.close();
    },
  };
}

/** A sleep that can be cut short. */
class Look {
  private waking = new AbortController();

  wake(): void {
    this.waking.abort();
  }

  async rest(ms: number): Promise<void> {
    await sleep(ms, this.waking.signal);
    this.waking = new AbortController();
  }
}

interface Keep {
  readonly queue: Queue;
  readonly everyMs: number;
  readonly ask: Redis;
  readonly logger: Logger;
  readonly stop: AbortSignal;
  readonly look: Look;
}

/** Never rejects. */
async function keep({ queue, everyMs, ask, logger, stop, look }: Keep): Promise<void> {
  while (!stop.aborted) {
    try {
      await withRedis(ask, () => putBack(queue, everyMs));
    } catch (error) {
      logger.debug({ repeat: queue.name, error: describeError(error) }, 'the schedule could not be looked at');
    }
    if (!stop.aborted) await look.rest(LOOK_AGAIN_MS);
  }
}

/** The limit first: no tick may come to be while two processes could take one each. */
async function putBack(queue: Queue, everyMs: number): Promise<void> {
  await queue.setGlobalConcurrency(1);
  const scheduler = await queue.getJobScheduler(SCHEDULER);
  const counts = await queue.getJobCounts('wait', 'prioritized', 'delayed', 'active');
  const jobs = Object.values(counts).reduce((sum, n) => sum + n, 0);
  if (scheduler?.every === everyMs && jobs > 0) return;
  await queue.upsertJobScheduler(SCHEDULER, { every: everyMs }, { name: SCHEDULER, opts: { removeOnComplete: true, removeOnFail: true, stackTraceLimit: 0 } });
}

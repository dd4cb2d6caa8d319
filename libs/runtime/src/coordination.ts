import { createInProcessBus } from '@elstream/control-in-process';
import { createRedisBus } from '@elstream/control-redis';
import type { RedisSettings } from '@elstream/config';
import type { ControlBus } from '@elstream/control';
import { describeError, recoveryOf, type Clock, type Logger } from '@elstream/core';
import type { JobQueue } from '@elstream/jobs';
import { createBullMqQueue } from '@elstream/jobs-bullmq';
import { createInProcessQueue } from '@elstream/jobs-in-process';
import { checkRedis, closeRedis, openRedis, withRedis } from '@elstream/redis';

/** How the services reach each other: all in one process, or several over Redis. */
export type Coordination = { readonly kind: 'in-process' } | { readonly kind: 'redis'; readonly redis: RedisSettings };

export interface BoundCoordination {
  readonly queue: JobQueue;
  readonly bus: ControlBus;
  /** Readiness check; null: there is nothing that could be away. */
  readonly check: (() => Promise<void>) | null;
  /** Queue, then bus. */
  close(): Promise<void>;
}

interface Surroundings {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly leaseMs: number;
}

/**
 * Binds queue and bus. A Redis that is away is no reason not to start: streams need none, and what it should have
 * delivered stands in the control tables; the service is unready until it is back.
 *
 * @throws ElstreamError what `checkRedis` refuses: a Redis Cluster, an old version, a wrong password
 */
export async function coordinate(how: Coordination, surroundings: Surroundings): Promise<BoundCoordination> {
  switch (how.kind) {
    case 'in-process': {
      const queue = createInProcessQueue(surroundings);
      const bus = createInProcessBus(surroundings.logger);
      return { queue, bus, check: null, close: () => closeBoth(queue, bus) };
    }
    case 'redis':
      return overRedis(how.redis, surroundings);
  }
  return how satisfies never;
}

async function overRedis(redis: RedisSettings, { logger, leaseMs }: Surroundings): Promise<BoundCoordination> {
  const asked = openRedis(redis, { logger, name: 'health' });
  let known = false;
  const check = async (): Promise<void> => {
    if (known) await withRedis(asked, (connection) => connection.ping());
    else await checkRedis(asked, logger);
    known = true;
  };
  try {
    await check();
  } catch (error) {
    if (recoveryOf(error) !== 'retry') {
      await closeRedis(asked);
      throw error;
    }
    logger.warn({ error: describeError(error) }, 'Redis is away; the service starts and is unready until it is there');
  }
  const queue = createBullMqQueue({ redis, logger, leaseMs });
  const bus = createRedisBus({ redis, logger });
  const close = async (): Promise<void> => {
    await closeBoth(queue, bus);
    await closeRedis(asked);
  };
  return { queue, bus, check, close };
}

async function closeBoth(queue: JobQueue, bus: ControlBus): Promise<void> {
  await queue.close();
  await bus.close();
}

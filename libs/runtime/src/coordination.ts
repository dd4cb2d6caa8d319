import { createInProcessBus } from '@elstream/control-in-process';
import type { RedisSettings } from '@elstream/config';
import type { ControlBus } from '@elstream/control';
import { ElstreamError, type Clock, type Logger } from '@elstream/core';
import type { JobQueue } from '@elstream/jobs';
import { createInProcessQueue } from '@elstream/jobs-in-process';

/** How the services reach each other: all in one process, or several over Redis. */
export type Coordination = { readonly kind: 'in-process' } | { readonly kind: 'redis'; readonly redis: RedisSettings };

export interface BoundCoordination {
  readonly queue: JobQueue;
  readonly bus: ControlBus;
  /** Readiness check; null: there is nothing that could be away. */
  readonly check: (() => Promise<void>) | null;
}

/** Binds queue and bus. */
export async function coordinate(how: Coordination, { logger, clock }: { readonly logger: Logger; readonly clock: Clock; readonly leaseMs: number }): Promise<BoundCoordination> {
  switch (how.kind) {
    case 'in-process':
      return { queue: createInProcessQueue({ logger, clock }), bus: createInProcessBus(logger), check: null };
    case 'redis':
      throw new ElstreamError('REDIS_UNSUPPORTED', 'stop', 'Redis is not bound yet');
  }
  return how satisfies never;
}

import type { ControlBus, ControlStore } from '@elstream/control';
import type { Clock, Logger } from '@elstream/core';
import type { JobQueue } from '@elstream/jobs';
import type { ReplicationObserver } from './observer';
import type { PipelineRegistry } from './pipeline';

/** What every service of the replication needs; one object per process. */
export interface ReplicationDeps {
  readonly registry: PipelineRegistry;
  readonly store: ControlStore;
  readonly bus: ControlBus;
  readonly queue: JobQueue;
  readonly logger: Logger;
  readonly observer: ReplicationObserver;
  readonly clock: Clock;
  /** Names this process in claims and logs. */
  readonly workerId: string;
}

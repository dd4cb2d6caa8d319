import type { ControlBus, ControlStore } from '@elstream/control';
import type { Clock, Logger, Tracer } from '@elstream/core';
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
  readonly tracer: Tracer;
  readonly clock: Clock;
  /** Names this process in claims and logs. */
  readonly workerId: string;
  /**
   * How long a process may be silent before others take over what it had in hand (its tasks, the planner's lead, its
   * queue locks), milliseconds. What it holds is renewed every third of it.
   */
  readonly leaseMs: number;
}

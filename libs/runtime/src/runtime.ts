import type { ControlBus, ControlStore } from '@elstream/control';
import type { Logger } from '@elstream/core';
import type { JobQueue } from '@elstream/jobs';
import type { Overview, PipelineRegistry } from '@elstream/replication';

/** Everything a service needs, adapters bound to ports. Made once per process by `createRuntime`, closed last. */
export interface Runtime {
  readonly registry: PipelineRegistry;
  readonly store: ControlStore;
  readonly bus: ControlBus;
  readonly queue: JobQueue;
  readonly overview: Overview;
  readonly logger: Logger;
  /** Names this process in claims and logs. */
  readonly workerId: string;
  close(): Promise<void>;
}

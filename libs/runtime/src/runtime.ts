import type { PipelineConfig } from '@elstream/config';
import type { ControlBus, ControlStore } from '@elstream/control';
import type { Clock, Logger } from '@elstream/core';
import type { JobQueue } from '@elstream/jobs';
import type { HealthRegistry, Metrics } from '@elstream/observability';
import type { Overview, PipelineRegistry, ReplicationDeps } from '@elstream/replication';

/** Everything a service needs, adapters bound to ports. Made once per process by `createRuntime`, closed last. */
export interface Runtime {
  readonly configs: readonly PipelineConfig[];
  readonly registry: PipelineRegistry;
  readonly store: ControlStore;
  readonly bus: ControlBus;
  readonly queue: JobQueue;
  readonly overview: Overview;
  readonly metrics: Metrics;
  readonly health: HealthRegistry;
  readonly logger: Logger;
  /** Names this process in claims and logs. */
  readonly workerId: string;
  /** The above, as the services of `@elstream/replication` take it. */
  readonly deps: ReplicationDeps;
  /** Idempotent. Services are stopped before. */
  close(): Promise<void>;
}

export interface RuntimeSettings {
  /** Validated pipeline files; all on one warehouse. */
  readonly pipelines: readonly PipelineConfig[];
  readonly logger: Logger;
  /** Default: host, process id and a random part. */
  readonly workerId?: string;
  readonly clock?: Clock;
  readonly metrics?: Metrics;
  readonly health?: HealthRegistry;
  /** Gives up waiting for databases that do not answer. */
  readonly signal?: AbortSignal;
}

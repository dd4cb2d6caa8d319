import type { PipelineConfig, PipelineFiles } from '@elstream/config';
import type { ControlBus, ControlStore } from '@elstream/control';
import type { Clock, Logger, Tracer } from '@elstream/core';
import type { JobQueue } from '@elstream/jobs';
import type { HealthRegistry, Metrics } from '@elstream/observability';
import type { Overview, PipelineRegistry, ReplicationDeps } from '@elstream/replication';
import type { Coordination } from './coordination';

/** Everything a service needs, adapters bound to ports. Made once per process by `createRuntime`, closed last. */
export interface Runtime {
  /** As they were at the start; `registry` follows the files. */
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
  /** The files `pipelines` came from, read again every so many milliseconds (0: never). Absent: the pipelines stay as they are. */
  readonly reload?: { readonly files: PipelineFiles; readonly everyMs: number };
  readonly logger: Logger;
  /** Default: in this process alone. */
  readonly coordination?: Coordination;
  /** See `ReplicationDeps.leaseMs`; default 15 s. */
  readonly leaseMs?: number;
  /** Default: none. */
  readonly tracer?: Tracer;
  /** Default: `newWorkerId()`. */
  readonly workerId?: string;
  readonly clock?: Clock;
  readonly metrics?: Metrics;
  /** Whether `/metrics` tells the state of pipelines, runs and queues as well, which is the same whoever tells it and asks the databases. Default true. */
  readonly overviewMetrics?: boolean;
  readonly health?: HealthRegistry;
  /** Gives up waiting for databases that do not answer. */
  readonly signal?: AbortSignal;
}

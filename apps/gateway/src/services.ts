import { type ConnectorView } from '@elstream/change-stream';
import { type ControlBus, type ControlStore, type DeadLetterFilter, type Run, type SchemaChangeRecord } from '@elstream/control';
import { type Logger, type Service } from '@elstream/core';
import { type HealthRegistry, type Metrics } from '@elstream/observability';
import { type Overview, type PipelineRegistry, type PlannedRepair, type RepairRequest } from '@elstream/replication';

/** One thing wrong in a pipeline file, or in what it names. */
export interface PipelineProblem {
  /** Dotted path of the setting, e.g. `tables.0.mask.email`; null: the file as a whole, or a database. */
  readonly setting: string | null;
  /** Line of the file, from 1; null where it has none. */
  readonly line: number | null;
  /** A sentence with the remedy. */
  readonly message: string;
}

export interface PipelineCheck {
  readonly valid: boolean;
  /** The pipeline's name, as far as the file could be read. */
  readonly pipeline: string | null;
  readonly problems: readonly PipelineProblem[];
  /** Accepted, but worth a word. */
  readonly warnings: readonly PipelineProblem[];
}

/** Rows to be repaired: those that a run found different, or the keys of a table. */
export type WantedRepair = RepairRequest['from'];

/** What mends and decides. Each run is announced on the bus; a refusal because of another run is `RUN_ACTIVE`. */
export interface Healing {
  repair(pipeline: string, wanted: WantedRepair): Promise<PlannedRepair>;
  replay(filter: DeadLetterFilter): Promise<PlannedRepair>;
  /** Returns how many. */
  discard(filter: DeadLetterFilter, reason: string): Promise<number>;
  acceptSchemaChange(change: SchemaChangeRecord): Promise<Run>;
  declineSchemaChange(change: SchemaChangeRecord): Promise<void>;
  /** `tables` absent: all. */
  reset(pipeline: string, options: { readonly dropData: boolean; readonly tables?: readonly string[] }): Promise<Run>;
}

/** A connector and what its stream says of it. */
export interface ConnectorReport extends ConnectorView {
  /** What keeps it from running although nothing is lost, with the remedy; null: nothing. */
  readonly trouble: string | null;
  /** Why changes are missing; null: none are known to be. */
  readonly gap: string | null;
}

/** Connectors of Kafka pipelines; refused with `CONNECTOR_NONE` where the stream is direct. */
export interface Connectors {
  show(pipeline: string): Promise<ConnectorReport>;
  restart(pipeline: string): Promise<void>;
  update(pipeline: string): Promise<void>;
}

/** What the gateway works with; `servicesOf` takes it from a runtime. */
export interface GatewayServices {
  readonly registry: PipelineRegistry;
  readonly store: ControlStore;
  readonly bus: ControlBus;
  readonly overview: Overview;
  readonly healing: Healing;
  readonly connectors: Connectors;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'contentType' | 'text' | 'forgetPipeline'>;
  readonly health: Pick<HealthRegistry, 'liveness' | 'readiness'>;
  /** Plans runs while the gateway lives; null: another process does. */
  readonly planner: Service | null;
  /** Checks the text of a pipeline file; with `connect` also both databases and every table. Changes nothing anywhere. */
  checkPipeline(yaml: string, options: { readonly connect: boolean }): Promise<PipelineCheck>;
}

/** Injection token of `GatewayServices`. */
export const GATEWAY_SERVICES = Symbol('GatewayServices');

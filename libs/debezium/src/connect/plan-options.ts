import { type TableName } from '@elstream/core';
import { type Connector, type HandlingModes } from '../handling';

/** How the connector's connections to the source are protected; absent: as the driver decides. */
export interface SourceTls {
  /** `encrypt` takes any certificate, `verify` checks issuer and host. */
  readonly mode: 'off' | 'encrypt' | 'verify';
  /** PEM file of the issuers (SQL Server: a trust store) *as the Connect worker sees it*; absent: those that Java knows. */
  readonly caFile?: string;
}

/** The source as the Connect worker reaches it. */
export interface CaptureSource {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Kept out of every message; only `ConnectorPlan.config` holds it. May be a reference of a config provider (`${file:…}`). */
  readonly password: string;
  readonly database: string;
  readonly tls?: SourceTls;
  /** A secondary of an availability group (SQL Server only). */
  readonly readReplica?: boolean;
}

export interface CapturedTable extends TableName {
  /** Columns of the mapping's key, given only where that is not the primary key. */
  readonly key?: readonly string[];
  /** Columns that no event may carry. */
  readonly excluded?: readonly string[];
}

interface CommonPlanOptions {
  readonly pipeline: string;
  /** Name of the connector. */
  readonly name: string;
  readonly topicPrefix: string;
  readonly source: CaptureSource;
  readonly tables: readonly CapturedTable[];
  /** R3 (a): captured beside the tables. */
  readonly counterTable: TableName;
  /** Events carry their schemas. Keys never do: their bytes choose the partition, and a tweaked schema would move them. Default false. */
  readonly schemas?: boolean;
  readonly compression?: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
  /** Of the topics that Connect itself makes (heartbeats, schema changes); absent: the brokers' default. */
  readonly replicas?: number;
  /** Largest request of the producer; an event must fit in it. Default 16 MiB. */
  readonly maxRequestBytes?: number;
  /** Default: made of pipeline and topic prefix, so that it stays the same over plans. */
  readonly unavailableValue?: string;
  /** The user's own settings, laid over ours. Those in `FIXED_SETTINGS` are refused. */
  readonly extra?: Readonly<Record<string, string>>;
}

export interface PostgresPlanOptions extends CommonPlanOptions {
  readonly connector: 'postgresql';
  readonly slot: string;
  readonly publication: string;
}

export interface SqlServerPlanOptions extends CommonPlanOptions {
  readonly connector: 'sqlserver';
  /** Default 1,000 ms. A commit's position is stored with the *next* record: without heartbeats a source's last transaction never counts as delivered. */
  readonly heartbeatMs?: number;
  readonly schemaHistory: {
    /** `host:port`, as the Connect worker sees them. */
    readonly brokers: readonly string[];
    readonly topic: string;
    /** Settings of a Kafka client (`security.protocol`, `sasl.jaas.config` …): the history has clients of its own. */
    readonly client?: Readonly<Record<string, string>>;
  };
}

export type PlanOptions = PostgresPlanOptions | SqlServerPlanOptions;

export interface TopicNames {
  /** In the order of `tables`. */
  readonly tables: readonly string[];
  readonly counter: string;
  /** PostgreSQL only: one record at every start of the task. */
  readonly notifications: string | null;
  /** SQL Server only. */
  readonly heartbeat: string | null;
  readonly schemaChanges: string | null;
  readonly schemaHistory: string | null;
}

/** What is registered with Connect, and what the rest must know of it: plan and decoder cannot disagree. */
export interface ConnectorPlan {
  readonly name: string;
  readonly connector: Connector;
  /** Holds the source's password. */
  readonly config: Readonly<Record<string, string>>;
  readonly handling: HandlingModes;
  readonly topics: TopicNames;
}

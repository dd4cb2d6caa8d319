import { type CaptureSource } from '@elstream/change-stream';
import { type Clock, type Logger, type TableName } from '@elstream/core';
import { type ConnectClientOptions, type SourceTls } from '@elstream/debezium';
import { type KafkaSettings } from './client';
import { type CaptureConnector } from './connector';

export interface KafkaStreamOptions {
  readonly kafka: Omit<KafkaSettings, 'logger'>;
  readonly pipeline: string;
  /** Streamers of one pipeline share one. */
  readonly groupId: string;
  /** Beginning of all topics' names; of no other pipeline. */
  readonly topicPrefix: string;
  readonly topics: TopicSettings;
  readonly connect: ConnectSettings;
  /** Owned by the stream: closed with it. */
  readonly capture: CaptureSource;
  readonly limits?: KafkaStreamLimits;
  /** Instead of one that Connect runs: for tests, and for topics that somebody else's capture writes. */
  readonly connector?: CaptureConnector;
  readonly logger?: Logger;
  readonly clock?: Clock;
}

export interface TopicSettings {
  /** Of a table's topic where it is not there yet: by table, else this number. Tables that are truncated get 1 (R6). */
  readonly partitions: number;
  readonly partitionsOf?: (table: TableName) => number;
  /** Absent: the brokers' default. */
  readonly replicas?: number;
  /** Absent: the brokers' default. */
  readonly retentionMs?: number;
  /** Largest event, bytes, before compression; default 16 MiB. */
  readonly maxEventBytes?: number;
  /** Deletes the topics too when the pipeline is dropped; else they stay until somebody does. Default false. */
  readonly dropWithPipeline?: boolean;
}

export interface ConnectSettings extends ConnectClientOptions {
  /** Name of the connector. */
  readonly connector: string;
  /** The source as the worker reaches it, where that is not as we do. */
  readonly source?: { readonly host?: string; readonly port?: number; readonly tls?: SourceTls; readonly readReplica?: boolean };
  /** Settings of the connector on top of ours. */
  readonly extra?: Readonly<Record<string, string>>;
  readonly schemas?: boolean;
  readonly compression?: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
  /** SQL Server: where its record of schemas lives; the brokers as the worker sees them, default ours; the topic's default is `PREFIX.schema-history`. */
  readonly schemaHistory?: { readonly brokers?: readonly string[]; readonly topic?: string; readonly client?: Readonly<Record<string, string>> };
  /** Columns that no event may carry, by table id. */
  readonly excluded?: (table: string) => readonly string[];
  /** How long `prepare` waits until the connector runs and has delivered, ms; default 120,000. */
  readonly startTimeoutMs?: number;
}

export interface KafkaStreamLimits {
  /** About the most memory of a batch; one event may overshoot. Default 4 MiB. */
  readonly batchBytes?: number;
  /** Default 10,000. */
  readonly batchEvents?: number;
  /** Of one fetch from a broker, all partitions together; as much again is decoded. Default 16 MiB. */
  readonly fetchBytes?: number;
  /** Of one fetch of one partition; default: `batchBytes`, at most `fetchBytes`. */
  readonly partitionFetchBytes?: number;
  /** Partitions applied at the same time. Default 4. */
  readonly concurrency?: number;
  /** After this silence our partitions are given to others. Default 30,000 ms. */
  readonly sessionTimeoutMs?: number;
}

/** The topic of the schema history of a SQL Server connector. */
export function schemaHistoryTopic({ connect, topicPrefix }: Pick<KafkaStreamOptions, 'connect' | 'topicPrefix'>): string {
  return connect.schemaHistory?.topic ?? `${topicPrefix}.schema-history`;
}

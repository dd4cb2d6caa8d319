import { z } from 'zod';
import type { TableName } from '@elstream/core';
import { endpointOf } from './connection-url';
import { type COMPRESSIONS, KAFKA_DEFAULTS, kafkaShape, type MECHANISMS } from './kafka-setting';
import type { KafkaTls } from './kafka-tls';
import { bytes, choice, integer, milliseconds, parseQuantity, text, unset } from './setting';
import { parseTablePattern } from './table-pattern';

/** What both kinds of stream have. */
export interface CommonStream {
  readonly maxBatchEvents: number;
  readonly maxBatchBytes: number;
  readonly lingerMs: number;
  readonly counterIntervalMs: number;
  /** See `slotName()`. */
  readonly slotName?: string | undefined;
  /** See `publicationName()`. */
  readonly publicationName?: string | undefined;
}

/** The source's own log, read by the streamer. */
export interface DirectStream extends CommonStream {
  readonly type: 'direct';
}

/** Debezium captures, Kafka carries. Holds secrets. */
export interface KafkaStream extends CommonStream {
  readonly type: 'kafka';
  /** `host:port`, at least one, none twice. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** Null: none. `readTls` reads its files. */
  readonly tls: KafkaTls | null;
  readonly sasl: { readonly mechanism: (typeof MECHANISMS)[number]; readonly username: string; readonly password: string } | null;
  readonly connect: {
    /** Without a slash at its end. */
    readonly url: string;
    /** Both or none. */
    readonly user: string | null;
    readonly password: string | null;
    /** Of the connector. */
    readonly name: string;
  };
  readonly topicPrefix: string;
  /** See `partitionsOf()`. */
  readonly partitions: { readonly default: number; readonly tables: readonly { readonly match: string; readonly partitions: number }[] };
  /** Null: the brokers' default. */
  readonly replicas: number | null;
  readonly retentionMs: number;
  readonly schemas: boolean;
  readonly compression: (typeof COMPRESSIONS)[number];
  readonly fetchBytes: number;
  readonly partitionFetchBytes: number;
  /** Partitions applied at once by a process. */
  readonly concurrency: number;
  readonly sessionTimeoutMs: number;
  readonly groupId: string;
  readonly counterTable: TableName;
  readonly readReplica: boolean;
  /** The source as Connect sees it; `source.url` where the file does not say otherwise. */
  readonly source: { readonly host: string; readonly port: number };
  /** Keys of the connector, laid over ours. */
  readonly connector: Readonly<Record<string, string>>;
  readonly schemaHistoryTopic: string;
}

export type StreamSettings = DirectStream | KafkaStream;

const replicationName = text('', 'a name of a-z, 0-9 and _, at most 63 long', (name) => /^[a-z0-9_]{1,63}$/.test(name));

/** The group `stream` as the file has it; valid by itself, names and defaults of Kafka not yet filled in. */
export const streamGroup = z
  .strictObject({
    type: choice(['direct', 'kafka'], 'direct', "Where changes come from: direct (the source's own log) or kafka (Debezium captures, Kafka carries)."),
    maxBatchEvents: integer({ min: 1, max: 1_000_000, default: 20_000, unit: 'events', help: 'Most change events of one warehouse transaction.' }),
    maxBatchBytes: bytes({ min: 1024, max: 2 ** 30, default: '16MiB', help: 'Most memory of one batch; a single larger event still passes.' }),
    lingerMs: milliseconds({ min: 0, max: 60_000, default: 50, help: 'How long a batch that is not full waits for more events.' }),
    counterIntervalMs: milliseconds({ min: 100, max: 3_600_000, default: '10s', help: 'How often an idle source is moved on by the counter.' }),
    slotName: unset(replicationName, 'Replication slot at the source.', 'elstream_NAME'),
    publicationName: unset(replicationName, 'Publication at the source.', 'elstream_NAME'),
    ...kafkaShape,
  })
  .superRefine((given, context) => {
    const add = (path: readonly string[], message: string): void => context.addIssue({ code: 'custom', path: [...path], message });
    if (given.type === 'direct') {
      for (const key of Object.keys(kafkaShape)) if (key in given) add([key], 'is without effect while stream.type is direct; remove it, or set stream.type: kafka');
      return;
    }
    const missing = 'is missing, while stream.type is kafka';
    if (given.brokers === undefined) add(['brokers'], missing);
    if (given.connect === undefined) add(['connect'], missing);
  })
  .prefault({})
  .meta({ description: 'Applying what changes. Settings that begin with “Kafka:” go with `type: kafka` only.' });

type Given = z.output<typeof streamGroup>;

interface Pipeline {
  readonly name: string;
  readonly sourceUrl: string;
}

/** Fills in what the file leaves out; some of it is made from the pipeline's name and its `source.url`. */
export function streamSettings(given: Given, pipeline: Pipeline): StreamSettings {
  const { maxBatchEvents, maxBatchBytes, lingerMs, counterIntervalMs, slotName, publicationName } = given;
  const common = { maxBatchEvents, maxBatchBytes, lingerMs, counterIntervalMs, slotName, publicationName };
  if (given.type === 'direct' || given.brokers === undefined || given.connect === undefined) return { type: 'direct', ...common };
  const { brokers, connect } = given;
  return { type: 'kafka', ...common, brokers, ...access(given), ...capture({ ...given, connect }, pipeline), ...topics(given, pipeline.name), ...reading(given, pipeline.name) };
}

function access({ clientId, tls, sasl }: Given) {
  return { clientId: clientId ?? KAFKA_DEFAULTS.clientId, tls: tls ?? null, sasl: sasl ?? null };
}

function capture({ connect, source, counterTable, connector, readReplica }: Given & { readonly connect: NonNullable<Given['connect']> }, { name, sourceUrl }: Pipeline) {
  const { url, user, password } = connect;
  const seen = endpointOf(sourceUrl);
  return {
    connect: { url: url.replace(/\/+$/, ''), user: user ?? null, password: password ?? null, name: connect.name ?? `elstream_${name.replaceAll('-', '_')}` },
    source: { host: source?.host ?? seen.host, port: source?.port ?? seen.port },
    counterTable: exactTable(counterTable ?? KAFKA_DEFAULTS.counterTable),
    connector: connector ?? {},
    readReplica: readReplica ?? false,
  };
}

function topics(given: Given, pipeline: string) {
  const topicPrefix = given.topicPrefix ?? `elstream.${pipeline}`;
  return {
    topicPrefix,
    partitions: given.partitions ?? { default: KAFKA_DEFAULTS.partitions, tables: [] },
    replicas: given.replicas ?? null,
    retentionMs: given.retention ?? ofDefault('retention', 'milliseconds'),
    schemas: given.schemas ?? false,
    compression: given.compression ?? KAFKA_DEFAULTS.compression,
    schemaHistoryTopic: given.schemaHistoryTopic ?? `${topicPrefix}.schema-history`,
  };
}

function reading(given: Given, pipeline: string) {
  return {
    fetchBytes: given.fetchBytes ?? ofDefault('fetchBytes', 'bytes'),
    partitionFetchBytes: given.partitionFetchBytes ?? ofDefault('partitionFetchBytes', 'bytes'),
    concurrency: given.concurrency ?? KAFKA_DEFAULTS.concurrency,
    sessionTimeoutMs: given.sessionTimeout ?? ofDefault('sessionTimeout', 'milliseconds'),
    groupId: given.groupId ?? `elstream-${pipeline}`,
  };
}

function ofDefault(key: 'retention' | 'fetchBytes' | 'partitionFetchBytes' | 'sessionTimeout', quantity: 'bytes' | 'milliseconds'): number {
  const value = parseQuantity(KAFKA_DEFAULTS[key], quantity);
  if (value === null) throw new RangeError(`the default of stream.${key} is not understood`);
  return value;
}

function exactTable(given: string): TableName {
  const pattern = parseTablePattern(given);
  if (pattern?.kind !== 'exact') throw new RangeError(`${given} is no table`);
  return pattern.table;
}

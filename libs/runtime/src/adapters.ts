import { createKafkaStream } from '@elstream/change-stream-kafka';
import { createPostgresCapture, createPostgresStream } from '@elstream/change-stream-postgres';
import type { ChangeStream } from '@elstream/change-stream';
import { partitionsOf, publicationName, readTls, slotName, tableSelection, type PipelineConfig, type StreamSettings } from '@elstream/config';
import { controlDataSourceOptions, controlEntities } from '@elstream/control-typeorm';
import type { Logger } from '@elstream/core';
import { connectPostgres, DEFAULT_TIMEOUTS, type EntityDataSource } from '@elstream/database';
import type { SourceDatabase } from '@elstream/source';
import { createPostgresSource } from '@elstream/source-postgres';

/** Prefix of the logical messages that carry a pipeline's counter: the source writes them, the stream looks for them. */
function counterPrefix(config: PipelineConfig): string {
  return `elstream:${config.name}`;
}

const CONNECT_TIMEOUT_MS = 10_000;

/** Connections beside those of the workers: stream, planner, API, heartbeats. */
const OTHER_CONNECTIONS = 6;

/** The one data source of the warehouse: control tables and targets of all pipelines. */
export async function connectWarehouse(configs: readonly PipelineConfig[], logger: Logger): Promise<EntityDataSource> {
  const [first] = configs;
  if (first === undefined) throw new RangeError('no pipelines');
  const workers = Math.max(...configs.map((c) => c.preload.workers + c.validate.workers));
  return connectPostgres(
    {
      url: first.warehouse.url,
      applicationName: 'elstream warehouse',
      // The limit of the file holds, but below what the workers need they would only wait for each other.
      maxConnections: Math.max(workers + OTHER_CONNECTIONS, ...configs.map((c) => c.warehouse.maxConnections)),
      timeouts: {
        ...DEFAULT_TIMEOUTS,
        statementMs: Math.max(...configs.map((c) => c.warehouse.statementTimeoutMs)),
        lockMs: Math.max(...configs.map((c) => c.warehouse.lockTimeoutMs)),
      },
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      logger,
    },
    controlEntities,
    controlDataSourceOptions,
  );
}

export function connectSource(config: PipelineConfig, logger: Logger): Promise<SourceDatabase> {
  return createPostgresSource({
    url: config.source.url,
    ...(config.source.readUrl === undefined ? {} : { readUrl: config.source.readUrl }),
    applicationName: `elstream ${config.name}`,
    maxConnections: config.source.maxConnections,
    timeouts: { ...DEFAULT_TIMEOUTS, statementMs: config.source.statementTimeoutMs },
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    logger,
    counterPrefix: counterPrefix(config),
    slotName: slotName(config),
  });
}

/** @param silenceMs how long this process may be silent before another may read */
export function connectStream(config: PipelineConfig, logger: Logger, silenceMs: number): Promise<ChangeStream> {
  const { stream } = config;
  return stream.type === 'kafka' ? connectKafkaStream(config, stream, logger) : connectDirectStream(config, logger, silenceMs);
}

function connectDirectStream(config: PipelineConfig, logger: Logger, silenceMs: number): Promise<ChangeStream> {
  const { maxBatchEvents, maxBatchBytes, lingerMs } = config.stream;
  return createPostgresStream({
    url: config.source.url,
    applicationName: `elstream ${config.name} stream`,
    logger,
    slotName: slotName(config),
    publicationName: publicationName(config),
    counterPrefix: counterPrefix(config),
    maxBatchEvents,
    maxBatchBytes,
    lingerMs,
    silenceMs,
  });
}

async function connectKafkaStream(config: PipelineConfig, stream: Extract<StreamSettings, { type: 'kafka' }>, logger: Logger): Promise<ChangeStream> {
  const { brokers, clientId, tls, sasl, connect, partitions, replicas, retentionMs } = stream;
  const capture = await createPostgresCapture({
    url: config.source.url,
    endpoint: stream.source,
    pipeline: config.name,
    slotName: slotName(config),
    publicationName: publicationName(config),
    counterTable: stream.counterTable,
    applicationName: `elstream ${config.name} capture`,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    logger,
  });
  try {
    const { excludedColumns } = tableSelection(config);
    return await createKafkaStream({
      kafka: { brokers, clientId, ...(tls === null ? {} : { tls: readTls(tls) }), ...(sasl === null ? {} : { sasl }) },
      pipeline: config.name,
      groupId: stream.groupId,
      topicPrefix: stream.topicPrefix,
      topics: { partitions: partitions.default, partitionsOf: (table) => partitionsOf(stream, table), retentionMs, ...(replicas === null ? {} : { replicas }) },
      connect: {
        url: connect.url,
        ...(connect.user === null ? {} : { user: connect.user }),
        ...(connect.password === null ? {} : { password: connect.password }),
        connector: connect.name,
        source: { ...stream.source, readReplica: stream.readReplica },
        extra: { ...capture.endpoint.settings, ...stream.connector },
        schemas: stream.schemas,
        compression: stream.compression,
        excluded: (table) => excludedColumns.get(table) ?? [],
      },
      capture,
      limits: { batchBytes: stream.maxBatchBytes, batchEvents: stream.maxBatchEvents, fetchBytes: stream.fetchBytes, partitionFetchBytes: stream.partitionFetchBytes, concurrency: stream.concurrency, sessionTimeoutMs: stream.sessionTimeoutMs },
      logger,
    });
  } catch (error) {
    await capture.close();
    throw error;
  }
}

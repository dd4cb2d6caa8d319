import { createKafkaStream } from '@elstream/change-stream-kafka';
import { createPostgresStream } from '@elstream/change-stream-postgres';
import type { ChangeStream } from '@elstream/change-stream';
import { partitionsOf, publicationName, slotName, tableSelection, type KafkaStream, type PipelineConfig } from '@elstream/config';
import { controlDataSourceOptionsFor, controlEntitiesFor } from '@elstream/control-typeorm';
import { ElstreamError, type Logger } from '@elstream/core';
import { DEFAULT_TIMEOUTS, productOf, type EntityDataSource } from '@elstream/database';
import type { SourceDatabase } from '@elstream/source';
import type { Warehouse } from '@elstream/warehouse';
import { kafkaAccess } from './kafka-access';
import { adaptersOf, CONNECT_TIMEOUT_MS, counterPrefix, type WarehouseParts } from './products';
import { schemaHistoryClient } from './schema-history';

/** Connections beside those of the workers: stream, planner, API, heartbeats. */
const OTHER_CONNECTIONS = 6;

/** The one data source of the warehouse: control tables and targets of all pipelines. */
export async function connectWarehouse(configs: readonly PipelineConfig[], logger: Logger): Promise<EntityDataSource> {
  const [first] = configs;
  if (first === undefined) throw new RangeError('no pipelines');
  const { url, type } = first.warehouse;
  const workers = Math.max(...configs.map((c) => c.preload.workers + c.validate.workers));
  return adaptersOf[type].connect(
    {
      url,
      applicationName: 'elstream warehouse',
      // The limit of the file holds, but below what the workers need they would only wait for each other.
      maxConnections: Math.max(adaptersOf[type].warehouseConnections(workers) + OTHER_CONNECTIONS, ...configs.map((c) => c.warehouse.maxConnections)),
      timeouts: {
        ...DEFAULT_TIMEOUTS,
        statementMs: Math.max(...configs.map((c) => c.warehouse.statementTimeoutMs)),
        lockMs: Math.max(...configs.map((c) => c.warehouse.lockTimeoutMs)),
      },
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      logger,
    },
    controlEntitiesFor(type),
    controlDataSourceOptionsFor(type),
  );
}

/** A pipeline's warehouse on the data source made by `connectWarehouse`, which tells the product. */
export function createWarehouse(parts: WarehouseParts): Promise<Warehouse> {
  return adaptersOf[productOf(parts.dataSource)].warehouse(parts);
}

export function connectSource(config: PipelineConfig, logger: Logger): Promise<SourceDatabase> {
  return adaptersOf[config.source.type].source(config, logger);
}

/** @param silenceMs how long this process may be silent before another may read */
export function connectStream(config: PipelineConfig, logger: Logger, silenceMs: number): Promise<ChangeStream> {
  const { stream } = config;
  return stream.type === 'kafka' ? connectKafkaStream(config, stream, logger) : connectDirectStream(config, logger, silenceMs);
}

async function connectDirectStream(config: PipelineConfig, logger: Logger, silenceMs: number): Promise<ChangeStream> {
  // Refused when the file is read; never to be asked of another product.
  if (config.source.type !== 'postgres') throw new ElstreamError('CONFIG_INVALID', 'refuse', 'a direct stream reads PostgreSQL only; set stream.type: kafka', { place: { pipeline: config.name, setting: 'stream.type' } });
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

async function connectKafkaStream(config: PipelineConfig, stream: KafkaStream, logger: Logger): Promise<ChangeStream> {
  const { connect, partitions, replicas, retentionMs } = stream;
  const capture = await adaptersOf[config.source.type].capture(config, stream, logger);
  try {
    const { excludedColumns } = tableSelection(config);
    return await createKafkaStream({
      kafka: kafkaAccess(stream),
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
        schemaHistory: { topic: stream.schemaHistoryTopic, client: schemaHistoryClient(stream) },
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

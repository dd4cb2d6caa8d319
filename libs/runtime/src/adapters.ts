import { createPostgresStream } from '@elstream/change-stream-postgres';
import type { ChangeStream } from '@elstream/change-stream';
import { publicationName, slotName, type PipelineConfig } from '@elstream/config';
import { controlDataSourceOptions, controlEntities } from '@elstream/control-typeorm';
import { ElstreamError, type Logger } from '@elstream/core';
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
export async function connectStream(config: PipelineConfig, logger: Logger, silenceMs: number): Promise<ChangeStream> {
  const { type, maxBatchEvents, maxBatchBytes, lingerMs } = config.stream;
  if (type === 'kafka') throw new ElstreamError('STREAM_TYPE', 'refuse', 'stream.type kafka is not bound yet; set stream.type: direct', { place: { pipeline: config.name, setting: 'stream.type' } });
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

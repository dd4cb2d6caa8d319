import type { CaptureSource } from '@elstream/change-stream';
import { createMssqlCapture } from '@elstream/change-stream-mssql';
import { createPostgresCapture } from '@elstream/change-stream-postgres';
import { publicationName, slotName, type KafkaStream, type PipelineConfig } from '@elstream/config';
import type { Logger, Product } from '@elstream/core';
import { connectMssql, connectPostgres, DEFAULT_TIMEOUTS, type EntityDataSource } from '@elstream/database';
import type { SourceDatabase } from '@elstream/source';
import { createMssqlSource } from '@elstream/source-mssql';
import { createPostgresSource } from '@elstream/source-postgres';
import type { Warehouse } from '@elstream/warehouse';
import { createMssqlWarehouse } from '@elstream/warehouse-mssql';
import { createPostgresWarehouse } from '@elstream/warehouse-postgres';

export const CONNECT_TIMEOUT_MS = 10_000;

/** Prefix of the logical messages that carry a pipeline's counter: the source writes them, the stream looks for them. */
export function counterPrefix(config: PipelineConfig): string {
  return `elstream:${config.name}`;
}

export interface WarehouseParts {
  readonly dataSource: EntityDataSource;
  readonly pipeline: string;
  readonly logger: Logger;
}

/** What a database product needs of its own, on either side. A third product is a third entry of `adaptersOf`. */
export interface ProductAdapters {
  /** As Debezium calls its connector. */
  readonly connector: CaptureSource['endpoint']['connector'];
  connect: typeof connectPostgres;
  /** Connections that this many workers of a warehouse hold at once. */
  warehouseConnections(workers: number): number;
  source(config: PipelineConfig, logger: Logger): Promise<SourceDatabase>;
  capture(config: PipelineConfig, stream: KafkaStream, logger: Logger): Promise<CaptureSource>;
  warehouse(parts: WarehouseParts): Promise<Warehouse>;
}

const sourceOptions = ({ name, source }: PipelineConfig, logger: Logger) => ({
  url: source.url,
  ...(source.readUrl === undefined ? {} : { readUrl: source.readUrl }),
  applicationName: `elstream ${name}`,
  maxConnections: source.maxConnections,
  timeouts: { ...DEFAULT_TIMEOUTS, statementMs: source.statementTimeoutMs },
  connectTimeoutMs: CONNECT_TIMEOUT_MS,
  logger,
});

const captureOptions = ({ name, source }: PipelineConfig, stream: KafkaStream, logger: Logger) => ({
  url: source.url,
  endpoint: stream.source,
  pipeline: name,
  counterTable: stream.counterTable,
  applicationName: `elstream ${name} capture`,
  connectTimeoutMs: CONNECT_TIMEOUT_MS,
  logger,
});

const postgres: ProductAdapters = {
  connector: 'postgresql',
  connect: connectPostgres,
  warehouseConnections: (workers) => workers,
  source: (config, logger) => createPostgresSource({ ...sourceOptions(config, logger), counterPrefix: counterPrefix(config), slotName: slotName(config) }),
  capture: (config, stream, logger) => createPostgresCapture({ ...captureOptions(config, stream, logger), slotName: slotName(config), publicationName: publicationName(config) }),
  warehouse: createPostgresWarehouse,
};

const mssql: ProductAdapters = {
  connector: 'sqlserver',
  connect: connectMssql,
  // A worker has a session for its rows, and a connection of the pool for its task.
  warehouseConnections: (workers) => 2 * workers,
  source: (config, logger) => createMssqlSource(sourceOptions(config, logger)),
  capture: (config, stream, logger) => createMssqlCapture(captureOptions(config, stream, logger)),
  warehouse: createMssqlWarehouse,
};

export const adaptersOf: Readonly<Record<Product, ProductAdapters>> = { postgres, mssql };

import 'reflect-metadata';
import * as pg from 'pg';
import type { EntitySchema } from 'typeorm';
import type { Logger } from '@elstream/core';
import { EntityDataSource } from '../entity-data-source';
import type { TransactionTimeouts } from '../transaction';
import { classifyPostgresError } from './errors';

/**
 * Session settings under which PostgreSQL's text output is our canonical text (R1). They hold on every connection of
 * ours, replication connections included, so preload and stream give the same text for the same value.
 */
export const CANONICAL_SETTINGS: Readonly<Record<string, string>> = {
  client_encoding: 'UTF8',
  DateStyle: 'ISO, YMD',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  extra_float_digits: '3',
  bytea_output: 'hex',
  lc_monetary: 'C',
  xmloption: 'content',
  search_path: 'pg_catalog',
};

/** The `options` start-up parameter that makes the settings hold from the first statement. */
export function startupOptions(extra: Readonly<Record<string, string>> = {}): string {
  return Object.entries({ ...CANONICAL_SETTINGS, ...extra })
    .filter(([name]) => name !== 'client_encoding')
    .map(([name, value]) => `-c ${name}=${value.replace(/([\\ ])/g, '\\$1')}`)
    .join(' ');
}

export interface PostgresConnection {
  /** `postgres://user:password@host:port/database`; never logged. */
  readonly url: string;
  /** Shown in pg_stat_activity, so that a DBA knows who it is. */
  readonly applicationName: string;
  /** Upper bound of connections this process opens to the database (R14). */
  readonly maxConnections: number;
  readonly timeouts: TransactionTimeouts;
  readonly connectTimeoutMs: number;
  readonly logger: Logger;
}

export const DEFAULT_TIMEOUTS: TransactionTimeouts = { statementMs: 300_000, lockMs: 30_000, idleMs: 10_000 };

/** Driver options (node-postgres) for one connection or pool. */
export function clientOptions(connection: PostgresConnection): Record<string, unknown> {
  const { timeouts } = connection;
  return {
    connectionString: connection.url,
    application_name: connection.applicationName,
    connectionTimeoutMillis: connection.connectTimeoutMs,
    keepAlive: true,
    options: startupOptions({
      statement_timeout: String(timeouts.statementMs),
      lock_timeout: String(timeouts.lockMs),
      idle_in_transaction_session_timeout: String(timeouts.idleMs),
    }),
  };
}

/**
 * A pooled connection between two owners has no error listener for a moment (the pool takes its own away before TypeORM
 * adds another); a server that shuts down at that moment would end the process with an unhandled 'error'.
 */
class PooledClient extends pg.Client {
  constructor(config?: ConstructorParameters<typeof pg.Client>[0]) {
    super(config);
    this.on('error', () => undefined); // whoever uses the connection next is told by its query
  }
}

/** A TypeORM DataSource over PostgreSQL, initialised. Throws a classified `ElstreamError` that names the remedy. */
export async function connectPostgres(connection: PostgresConnection, entities: readonly EntitySchema[] = [], extra: Record<string, unknown> = {}): Promise<EntityDataSource> {
  const dataSource = new EntityDataSource({
    type: 'postgres',
    // TypeORM would ask for it by a computed name, which is not found in a bundle.
    driver: pg,
    url: connection.url,
    entities: [...entities],
    synchronize: false,
    migrationsRun: false,
    logging: false,
    installExtensions: false,
    poolErrorHandler: (error: unknown) => {
      connection.logger.warn({ error: error instanceof Error ? error.message : String(error) }, 'idle database connection lost');
    },
    extra: { ...clientOptions(connection), max: connection.maxConnections, Client: PooledClient },
    ...extra,
  });
  try {
    await dataSource.initialize();
    return dataSource;
  } catch (error) {
    throw classifyPostgresError(error);
  }
}

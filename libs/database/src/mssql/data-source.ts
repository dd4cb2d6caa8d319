import 'reflect-metadata';
import type { config as MssqlConfig, ConnectionPool } from 'mssql';
import type { DataSource, DataSourceOptions, EntitySchema } from 'typeorm';
import { EntityDataSource, typeormName } from '../entity-data-source';
import { parseMssqlUrl, type MssqlConnection } from './connection';
import { driver } from './driver';
import { classifyMssqlError } from './errors';
import { PoolGate, type TSql, type TSqlSession } from './gate';
import { keepLoginNumber } from './login-error';
import { Sessions } from './sessions';
import { bracket } from './sql';

/** The gate over a DataSource's pool, and sessions beside it. */
export interface Mssql extends TSql {
  /** Runs `fn` on a connection of its own. At most as many at once as the DataSource may have connections. */
  session<T>(fn: (session: TSqlSession) => Promise<T>): Promise<T>;
  /** Milliseconds for `SET LOCK_TIMEOUT`. */
  readonly lockMs: number;
}

class DataSourceGate extends PoolGate implements Mssql {
  constructor(
    pool: ConnectionPool,
    readonly sessions: Sessions,
    readonly lockMs: number,
  ) {
    super(pool);
  }

  session<T>(fn: (session: TSqlSession) => Promise<T>): Promise<T> {
    return this.sessions.use(fn);
  }
}

const gates = new WeakMap<DataSource, Mssql>();

/** The gate of a DataSource made by `connectMssql`. */
export function mssqlOf(dataSource: DataSource): Mssql {
  const gate = gates.get(dataSource);
  if (gate === undefined) throw new RangeError('the data source was not made by connectMssql, or is closed');
  return gate;
}

/** Sets the gate of a DataSource: another than `connectMssql` gives it, for tests without a server. */
export function useMssql(dataSource: DataSource, gate: Mssql): void {
  gates.set(dataSource, gate);
}

/** Half of the connections are the pool's, half are sessions'. */
const share = (connections: number): number => Math.max(1, Math.ceil(connections / 2));

/**
 * A TypeORM DataSource over SQL Server, initialised; `destroy` closes its sessions too. Every connection has XACT_ABORT
 * ON, so that any error ends the transaction; how long a statement waits for a lock is said with each. Throws a classified
 * `ElstreamError`.
 */
export async function connectMssql(connection: MssqlConnection, entities: readonly EntitySchema[] = [], extra: Record<string, unknown> = {}): Promise<EntityDataSource> {
  const config = mssqlConfig(connection);
  const warn = (error: unknown): void => {
    connection.logger.warn({ error: error instanceof Error ? error.message : String(error) }, 'idle database connection lost');
  };
  const options = { ...typeormOptions(config, warn), entities: [...entities], ...extra };
  const dataSource = new EntityDataSource(options as unknown as DataSourceOptions, bracket);
  try {
    await dataSource.initialize();
  } catch (error) {
    throw classifyMssqlError(error);
  }
  const sessions = new Sessions(config, share(connection.maxConnections), warn);
  const { master } = dataSource.driver as unknown as { readonly master: ConnectionPool };
  useMssql(dataSource, new DataSourceGate(master, sessions, connection.timeouts.lockMs));
  const destroy = dataSource.destroy.bind(dataSource);
  dataSource.destroy = async () => {
    gates.delete(dataSource);
    await sessions.close();
    await destroy();
  };
  return dataSource;
}

/** node-mssql's configuration in TypeORM's words. */
export function typeormOptions(config: MssqlConfig, errorHandler: (error: unknown) => void): Record<string, unknown> {
  const { server, user, database = '', ...rest } = config;
  return {
    type: 'mssql',
    // TypeORM would ask for it by a computed name, which is not found in a bundle.
    driver: driver(),
    ...rest,
    host: server,
    username: user,
    // TypeORM names the database in statements about its migrations; one with a dot in its name would be two.
    database: typeormName(database),
    synchronize: false,
    migrationsRun: false,
    logging: false,
    // For TypeORM; the driver, which knows no such setting, gets the pool's from extra.
    pool: { ...config.pool, errorHandler },
    // What the driver gets as it stands here. TypeORM sets useUTC to false unless told otherwise in these options.
    extra: { options: config.options, pool: config.pool, database, beforeConnect: config.beforeConnect },
  };
}

/** node-mssql's configuration of a connection. */
export function mssqlConfig(connection: MssqlConnection): MssqlConfig {
  const { host, port, instance, user, password, database, encrypt, trustServerCertificate } = parseMssqlUrl(connection.url);
  return {
    server: host,
    user,
    password,
    database,
    ...(port === undefined ? {} : { port }),
    connectionTimeout: connection.connectTimeoutMs,
    requestTimeout: connection.timeouts.statementMs,
    beforeConnect: keepLoginNumber,
    pool: { min: 0, max: share(connection.maxConnections) },
    options: {
      encrypt,
      trustServerCertificate,
      ...(instance === undefined ? {} : { instanceName: instance }),
      appName: connection.applicationName,
      useUTC: true,
      // SET XACT_ABORT ON: a statement that fails, or is cancelled, takes its transaction with it.
      abortTransactionOnError: true,
      enableArithAbort: true,
      ...(connection.readOnlyIntent === true ? { readOnlyIntent: true } : {}),
    },
  };
}

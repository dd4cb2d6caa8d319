import { ElstreamError, type Logger, type Product } from '@elstream/core';
import { CONTROL_SCHEMA, inTransaction } from '@elstream/database';
import { MigrationExecutor, type DataSource, type Logger as TypeOrmLogger } from 'typeorm';
import { dialectOf } from './dialect';
import { ControlTables } from './migrations/control-tables';
import { Healing } from './migrations/healing';
import { Leases } from './migrations/leases';
import { LoadHistory } from './migrations/load-history';
import { MssqlControlTables } from './migrations/mssql/control-tables';
import { PendingTasks } from './migrations/pending-tasks';
import { RunStages } from './migrations/run-stages';
import { TextPartitions } from './migrations/text-partitions';

/** All migrations of the control tables on PostgreSQL, oldest first. Never edit one that was released; add another. */
export const controlMigrations = [ControlTables, RunStages, Leases, PendingTasks, Healing, LoadHistory, TextPartitions] as const;

/** The same on SQL Server: every later change of the tables is a migration of either product. */
export const mssqlControlMigrations = [MssqlControlTables] as const;

/** TypeORM prints failing migrations to stdout even with `logging: false`; all it would say arrives as an error. */
const quiet: TypeOrmLogger = {
  logQuery: () => undefined,
  logQueryError: () => undefined,
  logQuerySlow: () => undefined,
  logSchemaBuild: () => undefined,
  logMigration: () => undefined,
  log: () => undefined,
};

const MIGRATIONS_TABLE = 'migration';

/** What the warehouse's DataSource needs besides `controlEntitiesFor`: where the migrations are and where they are noted. */
export function controlDataSourceOptionsFor(product: Product) {
  return {
    schema: CONTROL_SCHEMA,
    migrations: product === 'mssql' ? [...mssqlControlMigrations] : [...controlMigrations],
    migrationsTableName: MIGRATIONS_TABLE,
    migrationsTransactionMode: 'all',
    logger: quiet,
  } as const;
}

/** PostgreSQL's. */
export const controlDataSourceOptions = controlDataSourceOptionsFor('postgres');

/**
 * Brings the control tables to this version in one transaction under a lock: of two processes starting at
 * once the second waits, then finds nothing to do. Refuses (`CONTROL_SCHEMA_NEWER`) tables of a later version.
 */
export async function migrateControlTables(dataSource: DataSource, logger: Logger): Promise<void> {
  const options = dataSource.options as { readonly schema?: string; readonly migrationsTableName?: string };
  if (options.schema !== CONTROL_SCHEMA || options.migrationsTableName !== MIGRATIONS_TABLE) {
    throw new ElstreamError('CONTROL_DATA_SOURCE', 'stop', 'the control store needs a DataSource made with controlEntitiesFor and controlDataSourceOptionsFor its product');
  }
  const started = Date.now();
  const applied = await inTransaction(dataSource, async (sql) => {
    await dialectOf(dataSource).prepareMigration(sql);
    const executor = new MigrationExecutor(dataSource, sql.runner);
    const known = new Set(dataSource.migrations.map((m) => m.name));
    const unknown = (await executor.getExecutedMigrations()).filter((m) => !known.has(m.name)).map((m) => m.name);
    if (unknown.length > 0) {
      throw new ElstreamError(
        'CONTROL_SCHEMA_NEWER',
        'refuse',
        `the warehouse's control tables (schema ${CONTROL_SCHEMA}) are of a newer elstream: ${unknown.join(', ')}; start that version or a later one`,
      );
    }
    // Joins the transaction that is open on the runner.
    return (await executor.executePendingMigrations()).map((m) => m.name);
  });
  if (applied.length > 0) logger.info({ migrations: applied.join(', '), ms: Date.now() - started }, 'control tables brought up to date');
}

import { onDatabase, productOf, type Sql } from '@elstream/database';
import type { DataSource, QueryRunner } from 'typeorm';
import { COUNTING } from './mssql/lock-timeout';

/**
 * Statements of the control store outside a transaction, each atomic on its own; on SQL Server with a limit on waiting
 * for locks, which a connection to PostgreSQL has anyway, and with affected rows counted.
 */
export function onControl<T>(db: DataSource, fn: (sql: Sql) => Promise<T>): Promise<T> {
  return onDatabase(db, (sql) => {
    if (productOf(db) === 'mssql') limitWaiting(sql.runner);
    return fn(sql);
  });
}

/** Of a runner that is used for this alone. */
function limitWaiting(runner: QueryRunner): void {
  const query = runner.query.bind(runner) as (statement: string, parameters?: unknown[], structured?: boolean) => Promise<unknown>;
  Object.assign(runner, { query: (statement: string, parameters?: unknown[], structured = false) => query(`${COUNTING}\n${statement}`, parameters, structured) });
}

import type { Sql } from '@elstream/database';
import { inTransaction } from '@elstream/database';
import { lockTables } from '../control-state';
import { liftStatementLimit } from '../statement-limit';
import type { WarehouseParts } from '../warehouse-parts';

/** One transaction that excludes every batch and merge of the tables. */
export async function exclusively<T>(parts: WarehouseParts, pipeline: string, tables: readonly string[], fn: (sql: Sql) => Promise<T>): Promise<T> {
  return inTransaction(parts.dataSource, async (sql) => {
    await lockTables(sql, { by: 'switch' }, pipeline, tables);
    return fn(sql);
  });
}

/** Two processes that follow one change, or prepare the table: one after the other, also where no checkpoint stands to lock by. */
export async function lockDdl(sql: Sql, tableSql: string): Promise<void> {
  await sql.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`elstream.ddl.${tableSql}`]);
}

const LONGEST_WAIT_MS = 3_000;

/**
 * Takes the tables for DDL. Waits shortly only: behind a waiting ACCESS EXCLUSIVE everybody else waits too, so a long
 * reader makes it `retry`. Once taken, there is no time limit: a rewrite takes what the table's size asks for, and
 * would take as long the next time.
 */
export async function takeForDdl(sql: Sql, tables: readonly string[]): Promise<void> {
  if (tables.length === 0) return;
  const [now] = await sql.query<{ ms: number }>(`SELECT setting::int AS ms FROM pg_settings WHERE name = 'lock_timeout'`);
  const wait = now === undefined || now.ms === 0 ? LONGEST_WAIT_MS : Math.min(now.ms, LONGEST_WAIT_MS);
  await sql.query(`SELECT set_config('lock_timeout', $1, true)`, [`${wait}ms`]);
  await sql.query(`LOCK TABLE ${tables.join(', ')} IN ACCESS EXCLUSIVE MODE`);
  await liftStatementLimit(sql);
}

import { ElstreamError, tableId, type TableMapping, type TableName } from '@elstream/core';
import { inTransaction, onDatabase, quoteName, quoteTable, type Sql } from '@elstream/database';
import { type DataSource } from 'typeorm';
import { missingRights, withRights } from './source-rights';

export const COUNTER_TABLE: TableName = { schema: 'elstream', name: 'counter' };

export interface Counter {
  readonly table: TableName;
  /** Its row, one per pipeline of the source database. */
  readonly pipeline: string;
}

/** The columns, with their types as the server spells them. */
const COLUMNS: Readonly<Record<string, string>> = { pipeline: 'text', value: 'bigint', raised_at: 'timestamp with time zone' };

/** The counter table as a table to be published. Nothing is written to a warehouse from it. */
export function counterMapping(table: TableName): TableMapping {
  const columns = Object.entries(COLUMNS).map(([name, targetType]) => ({ source: name, target: name, type: { kind: 'other' as const }, targetType, nullable: false, mask: null }));
  return { id: tableId(table), source: table, target: table, columns, key: [0], chunkRows: 1 };
}

/**
 * A row begins at the milliseconds since 1970: one made anew has jumped forward, unless it was raised more than a
 * thousand times a second, so that what was missed in between is a missing number (R3 a).
 */
const INSERT = (table: TableName): string => `INSERT INTO ${quoteTable(table)} AS counter (pipeline, value, raised_at)
  VALUES ($1, floor(extract(epoch FROM clock_timestamp()) * 1000)::int8, clock_timestamp()) ON CONFLICT (pipeline)`;

/**
 * Makes schema, table and the pipeline's row exist. Pipelines of one source share the table.
 * @throws ElstreamError SOURCE_RIGHTS (refuse) with the statements a DBA can run
 * @throws ElstreamError COUNTER_TABLE_FOREIGN (refuse) if a table of that name is another one
 */
export async function ensureCounter(dataSource: DataSource, { table, pipeline }: Counter, role: string): Promise<void> {
  const given = { doing: `make the counter table ${tableId(table)}`, role, statements: () => [...creation(table), ...grants(table, role)] };
  await withRights(given, () =>
    inTransaction(dataSource, async (sql) => {
      await excludeOthers(sql);
      const before = await look(sql, table);
      // Not left to IF NOT EXISTS: it asks for the right to create even where there is nothing to do.
      if (!before.schema) await sql.execute(`CREATE SCHEMA IF NOT EXISTS ${quoteName(table.schema)}`);
      if (before.kind === null) await sql.execute(creation(table)[1] ?? '');
      const found = before.kind === null ? await look(sql, table) : before;
      const misfit = misfitOf(found);
      if (misfit !== null) {
        throw new ElstreamError('COUNTER_TABLE_FOREIGN', 'refuse', `${tableId(table)} is to be the counter table, but ${misfit}; drop or rename it, or set stream.counterTable`, { place: { table: tableId(table), setting: 'stream.counterTable' } });
      }
      if (!found.usable) throw missingRights({ doing: `use the counter table ${tableId(table)}`, role }, 'privileges are missing', { statements: grants(table, role) });
      await sql.execute(`${INSERT(table)} DO NOTHING`, [pipeline]);
    }),
  );
}

/**
 * Raises the pipeline's row by one, in a transaction of its own. Waits for nobody for long: not for a lock, and for no
 * standby either, which a raise is nothing to (its log is flushed here, and that is what a walsender sends).
 * @throws ElstreamError DB_LOCK_TIMEOUT, DB_TIMEOUT, COUNTER_TABLE_MISSING (retry)
 */
export async function raiseCounter(dataSource: DataSource, { table, pipeline }: Counter, timeoutMs: number): Promise<void> {
  try {
    await inTransaction(dataSource, async (sql) => {
      await sql.query(`SELECT set_config('lock_timeout', $1, true), set_config('statement_timeout', $2, true), set_config('synchronous_commit', 'local', true)`, [String(timeoutMs), String(2 * timeoutMs)]);
      const raised = await sql.execute(`UPDATE ${quoteTable(table)} SET value = value + 1, raised_at = clock_timestamp() WHERE pipeline = $1`, [pipeline]);
      // Two processes may find the row gone at once: the second raises what the first has made.
      if (raised === 0) await sql.execute(`${INSERT(table)} DO UPDATE SET value = counter.value + 1, raised_at = clock_timestamp()`, [pipeline]);
    });
  } catch (error) {
    if (!(error instanceof ElstreamError) || !MISSING.includes(error.code)) throw error;
    throw new ElstreamError('COUNTER_TABLE_MISSING', 'retry', `the counter table ${tableId(table)} is gone from the source; prepare the pipeline again`, { cause: error, place: { table: tableId(table) } });
  }
}

/** What the pipeline's row holds; null: there is none to be seen. */
export async function readCounter(dataSource: DataSource, { table, pipeline }: Counter): Promise<bigint | null> {
  try {
    const [row] = await onDatabase(dataSource, (sql) => sql.query<{ value: string }>(`SELECT value::text AS value FROM ${quoteTable(table)} WHERE pipeline = $1`, [pipeline]));
    return row === undefined ? null : BigInt(row.value);
  } catch (error) {
    if (error instanceof ElstreamError && MISSING.includes(error.code)) return null;
    throw error;
  }
}

/** undefined_table, invalid_schema_name */
const MISSING = ['DB_42P01', 'DB_3F000'];

/** Removes the pipeline's row, and the table once no row is left (if it is ours to drop). The schema stays: others may live there. */
export async function dropCounter(dataSource: DataSource, { table, pipeline }: Counter): Promise<void> {
  await inTransaction(dataSource, async (sql) => {
    await excludeOthers(sql);
    const found = await look(sql, table);
    if (found.kind === null || misfitOf(found) !== null) return;
    await sql.execute(`DELETE FROM ${quoteTable(table)} WHERE pipeline = $1`, [pipeline]);
    if (!found.owned) return;
    // A raise takes no advisory lock and may make its row: now nobody's does between our look and the drop.
    await sql.execute(`LOCK TABLE ${quoteTable(table)} IN ACCESS EXCLUSIVE MODE`);
    const left = await sql.query(`SELECT FROM ${quoteTable(table)} LIMIT 1`);
    if (left.length === 0) await sql.execute(`DROP TABLE ${quoteTable(table)}`);
  });
}

interface Found {
  readonly schema: boolean;
  /** pg_class.relkind; null: there is no such table. */
  readonly kind: string | null;
  readonly persistence: string | null;
  readonly columns: Readonly<Record<string, string>> | null;
  readonly key: readonly string[] | null;
  /** Columns besides ours that an INSERT of ours would leave empty and may not. */
  readonly required: readonly string[] | null;
  /** We may do with its rows what we have to. */
  readonly usable: boolean;
  readonly owned: boolean;
}

async function look(sql: Sql, table: TableName): Promise<Found> {
  const [row] = await sql.query<{ [K in keyof Found]: Found[K] }>(
    `SELECT n.oid IS NOT NULL AS schema, c.relkind::text AS kind, c.relpersistence::text AS persistence,
            (SELECT json_object_agg(a.attname, format_type(a.atttypid, a.atttypmod)) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
            (SELECT json_agg(a.attname) FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey) WHERE i.indrelid = c.oid AND i.indisprimary AND i.indimmediate) AS key,
            (SELECT json_agg(a.attname) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AND a.attname <> ALL ($3::text[])) AS required,
            coalesce(has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
                     AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'), false) AS usable,
            coalesce(pg_has_role(c.relowner, 'USAGE'), false) AS owned
       FROM (SELECT) one LEFT JOIN pg_namespace n ON n.nspname = $1 LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = $2`,
    [table.schema, table.name, Object.keys(COLUMNS)],
  );
  if (row === undefined) throw new RangeError('the catalog did not answer');
  return row;
}

function misfitOf({ kind, persistence, columns, key, required }: Found): string | null {
  if (kind !== 'r' || persistence !== 'p') return 'is no ordinary, logged table';
  const wrong = Object.entries(COLUMNS).find(([name, type]) => columns?.[name] !== type);
  if (wrong !== undefined) return `its column ${wrong[0]} is ${columns?.[wrong[0]] ?? 'missing'}, not ${wrong[1]}`;
  if (key?.length !== 1 || key[0] !== 'pipeline') return 'its primary key is not (pipeline)';
  return required === null ? null : `its column ${required.join(', ')} wants a value that we do not have`;
}

/** One of us at a time makes or drops the table, else one would drop what the other has just found. */
async function excludeOthers(sql: Sql): Promise<void> {
  await sql.query(`SELECT pg_advisory_xact_lock(hashtextextended('elstream counter table', 0))`);
}

function creation(table: TableName): string[] {
  return [
    `CREATE SCHEMA IF NOT EXISTS ${quoteName(table.schema)}`,
    `CREATE TABLE IF NOT EXISTS ${quoteTable(table)} (pipeline text PRIMARY KEY, value bigint NOT NULL, raised_at timestamptz NOT NULL)`,
  ];
}

function grants(table: TableName, role: string): string[] {
  return [`GRANT USAGE ON SCHEMA ${quoteName(table.schema)} TO ${quoteName(role)}`, `GRANT SELECT, INSERT, UPDATE, DELETE ON ${quoteTable(table)} TO ${quoteName(role)}`];
}

import { ElstreamError, tableId, type LogPosition, type TableName } from '@elstream/core';
import { cdcLsnOfBytes, t, type TSql } from '@elstream/database';
import { CAPTURED_COLUMNS, FACTS, INSTANCES, NEWEST, TABLES } from './statements';

/** The database, and what the login may do in it. */
export interface DatabaseFacts {
  /** As the server spells it. */
  readonly database: string;
  readonly user: string;
  /** CDC is on for the database. */
  readonly captured: boolean;
  readonly logWait: string;
  readonly sysadmin: boolean;
  /** Member of db_owner, or sysadmin. */
  readonly owner: boolean;
}

export interface CaptureInstance {
  /** Table id of its source table. */
  readonly table: string;
  readonly source: TableName;
  readonly name: string;
  readonly object: number;
  /** Server's local time, ISO; to be compared with its like only. */
  readonly created: string;
  /** Null: not established yet, which the capture job does when it comes upon the new instance. */
  readonly start: LogPosition | null;
  /** From where it is whole; null: not visible to the login, or not established yet. */
  readonly least: LogPosition | null;
  /** The role that gates it; null: none. */
  readonly role: string | null;
  readonly dropping: boolean;
  /** Captured columns; empty where they were not asked for. */
  readonly columns: readonly string[];
}

export interface SourceTable {
  /** A history table: CDC does not capture it. */
  readonly history: boolean;
  readonly columns: ReadonlyMap<string, { readonly computed: boolean }>;
}

export async function readFacts(sql: TSql): Promise<DatabaseFacts> {
  const [row] = await sql.rows<{ database: string; user: string; captured: boolean; log_wait: string; sysadmin: number; owner: number }>(FACTS);
  if (row === undefined) throw new ElstreamError('DB_UNKNOWN', 'retry', 'the source does not say which database this is');
  return { database: row.database, user: row.user, captured: row.captured, logWait: row.log_wait, sysadmin: row.sysadmin === 1, owner: row.owner === 1 };
}

interface InstanceRow {
  readonly schema: string | null;
  readonly table: string | null;
  readonly instance: string;
  readonly object: number;
  readonly created: string;
  readonly start: Buffer | null;
  readonly least: Buffer | null;
  readonly role: string | null;
  readonly dropping: boolean | null;
}

/** Newest last. In a database without CDC the statement fails: ask `readFacts` first. Tables whose names the login may not see are left out. */
export async function readInstances(sql: TSql, withColumns: boolean): Promise<CaptureInstance[]> {
  const [rows = [], columns = []] = await sql.sets(withColumns ? `${INSTANCES}\n${CAPTURED_COLUMNS}` : INSTANCES);
  const byObject = new Map<number, string[]>();
  for (const { object, name } of columns as unknown as { readonly object: number; readonly name: string }[]) {
    const names = byObject.get(object) ?? [];
    names.push(name);
    byObject.set(object, names);
  }
  return (rows as unknown as InstanceRow[])
    .flatMap((row) => (row.schema === null || row.table === null ? [] : [instanceOf(row, { schema: row.schema, name: row.table }, byObject.get(row.object) ?? [])]))
    .sort((a, b) => (a.created === b.created ? a.object - b.object : a.created < b.created ? -1 : 1));
}

function instanceOf(row: InstanceRow, table: TableName, columns: readonly string[]): CaptureInstance {
  return { table: tableId(table), source: table, name: row.instance, object: row.object, created: row.created, start: known(row.start), least: known(row.least), role: row.role, dropping: row.dropping === true, columns };
}

/** `sys.fn_cdc_get_min_lsn` answers ten zero bytes for an instance that the caller may not see: unknown, not "from the beginning". */
function known(lsn: Buffer | null): LogPosition | null {
  return lsn === null || lsn.every((byte) => byte === 0) ? null : cdcLsnOfBytes(lsn);
}

/** By table id; a table that is not there is left out. */
export async function readTables(sql: TSql, wanted: readonly TableName[]): Promise<Map<string, SourceTable>> {
  const rows = await sql.rows<{ schema: string; table: string; temporal: number; column: string; computed: boolean }>(TABLES, { tables: t.json(wanted.map(({ schema, name }) => ({ schema, name }))) });
  const tables = new Map<string, { history: boolean; columns: Map<string, { computed: boolean }> }>();
  for (const row of rows) {
    const id = tableId({ schema: row.schema, name: row.table });
    const table = tables.get(id) ?? { history: row.temporal === 1, columns: new Map<string, { computed: boolean }>() };
    table.columns.set(row.column, { computed: row.computed });
    tables.set(id, table);
  }
  return tables;
}

/** The newest commit that the capture job has taken up; null: none yet. */
export async function readNewest(sql: TSql): Promise<LogPosition | null> {
  const [row] = await sql.rows<{ newest: Buffer | null }>(NEWEST);
  return row === undefined || row.newest === null ? null : cdcLsnOfBytes(row.newest);
}

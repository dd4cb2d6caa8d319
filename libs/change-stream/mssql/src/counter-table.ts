import { ElstreamError, tableId, type TableName } from '@elstream/core';
import { t, transactionSets, type Mssql, type MssqlParams, type TSql, type TSqlSession } from '@elstream/database';
import { type DatabaseFacts } from './catalog';
import { formatRecord, parseRecord, type RecordedCapture } from './record';
import * as statements from './statements';

export const COUNTER_TABLE: TableName = { schema: 'elstream', name: 'counter' };

export interface Counter {
  readonly table: TableName;
  /** Its row, one per pipeline of the source database. */
  readonly pipeline: string;
}

export interface CounterRow {
  readonly pipeline: string;
  readonly value: bigint;
  /** Null: capture was never prepared to its end. */
  readonly record: RecordedCapture | null;
}

/** Column → types that hold what we write. */
const COLUMNS: Readonly<Record<string, readonly string[]>> = { pipeline: ['nvarchar'], value: ['bigint'], raised_at: ['datetime2', 'datetimeoffset'] };

/**
 * Makes schema, table and what is missing in it, where the login may.
 *
 * @returns statements that somebody with more rights has to run first; empty: the table can be used
 * @throws ElstreamError COUNTER_TABLE_FOREIGN (refuse) if a table of that name is another one
 */
export async function ensureCounter(sql: TSql, { table }: Counter, { owner, user }: DatabaseFacts): Promise<readonly string[]> {
  let found = await look(sql, table);
  if (found.columns.length === 0) {
    const creation = [statements.createSchema(table.schema), statements.createCounter(table)];
    if (!owner) return [...creation, statements.grantCounter(table, user)];
    for (const statement of creation) await sql.execute(statement);
    found = await look(sql, table);
  }
  const misfit = misfitOf(found.columns);
  if (misfit !== null) {
    throw new ElstreamError('COUNTER_TABLE_FOREIGN', 'refuse', `${tableId(table)} is to be the counter table, but ${misfit}; drop or rename it, or set stream.counterTable`, { place: { table: tableId(table), setting: 'stream.counterTable' } });
  }
  const missing: string[] = [];
  if (!found.columns.some(({ name }) => name === 'capture')) {
    if (owner) await sql.execute(statements.addCapture(table));
    else missing.push(statements.addCapture(table));
  }
  if (!found.usable) missing.push(statements.grantCounter(table, user));
  return missing;
}

interface Column {
  readonly name: string;
  readonly type: string;
  /** An INSERT of ours would leave it empty, and may not. */
  readonly required: boolean;
  /** Of the primary key. */
  readonly keyed: boolean;
}

async function look(sql: TSql, table: TableName): Promise<{ readonly columns: readonly Column[]; readonly usable: boolean }> {
  const [columns = [], [rights] = []] = await sql.sets(statements.lookAtCounter(table));
  return {
    columns: columns.map((column) => ({ name: String(column['name']), type: String(column['type']), required: column['required'] === 1, keyed: column['keyed'] === 1 })),
    usable: rights?.['usable'] === 1,
  };
}

/** Why it is no counter table, for people; null: it is. */
export function misfitOf(columns: readonly Column[]): string | null {
  for (const [name, types] of Object.entries(COLUMNS)) {
    const type = columns.find((column) => column.name === name)?.type;
    if (type === undefined || !types.includes(type)) return `its column ${name} is ${type ?? 'missing'}, not ${types.join(' or ')}`;
  }
  const capture = columns.find(({ name }) => name === 'capture');
  if (capture !== undefined && capture.type !== 'nvarchar') return `its column capture is ${capture.type}, not nvarchar`;
  const key = columns.filter(({ keyed }) => keyed).map(({ name }) => name);
  if (key.length !== 1 || key[0] !== 'pipeline') return 'its primary key is not (pipeline)';
  const more = columns.filter(({ name, required }) => required && name !== 'capture' && !Object.hasOwn(COLUMNS, name)).map(({ name }) => name);
  return more.length === 0 ? null : `its column ${more.join(', ')} wants a value that we do not have`;
}

/**
 * Raises the pipeline's row by one, in a transaction of its own; makes the row where it is gone.
 * @throws ElstreamError DB_LOCK_TIMEOUT, DB_TIMEOUT, COUNTER_TABLE_MISSING (retry)
 */
export async function raiseCounter(sql: Mssql | TSqlSession, { table, pipeline }: Counter, lockMs: number): Promise<void> {
  await whereThere(sql, table, statements.raiseCounter(table, lockMs), { pipeline: t.nvarchar(pipeline, 4000) });
}

async function whereThere(sql: Mssql | TSqlSession, table: TableName, batch: string, params: MssqlParams): Promise<void> {
  const [[row] = []] = await transactionSets(sql, batch, params).catch((error: unknown) => {
    // dropped since the batch looked
    if (error instanceof ElstreamError && error.code === 'DB_208') return [];
    throw error;
  });
  if (row?.['there'] === 1) return;
  throw new ElstreamError('COUNTER_TABLE_MISSING', 'retry', `the counter table ${tableId(table)} is gone from the source; prepare the pipeline again`, { place: { table: tableId(table) } });
}

/**
 * Notes what captures the pipeline, and raises its row.
 *
 * @param anew leaves a number out: if this process ends before the gap is declared, the counter tells of it (R3 a)
 * @throws ElstreamError as `raiseCounter` does
 */
export async function recordCapture(sql: Mssql | TSqlSession, { table, pipeline }: Counter, record: RecordedCapture, { anew, lockMs }: { readonly anew: boolean; readonly lockMs: number }): Promise<void> {
  await whereThere(sql, table, statements.recordCapture(table, lockMs), { pipeline: t.nvarchar(pipeline, 4000), capture: t.nvarchar(formatRecord(record)), step: t.int(anew ? 2 : 1) });
}

/** The rows of all pipelines; null: there is no such table. */
export async function readCounters(sql: TSql, { table }: Counter): Promise<readonly CounterRow[] | null> {
  const found = await look(sql, table);
  if (found.columns.length === 0 || misfitOf(found.columns) !== null || !found.columns.some(({ name }) => name === 'capture')) return null;
  const rows = await sql.rows<{ pipeline: string; value: string; capture: string | null }>(statements.readCounter(table));
  return rows.map(({ pipeline, value, capture }) => ({ pipeline, value: BigInt(value), record: parseRecord(capture) }));
}

export async function deleteCounter(sql: TSql, { table, pipeline }: Counter): Promise<void> {
  await sql.execute(statements.deleteCounter(table), { pipeline: t.nvarchar(pipeline, 4000) });
}

/** Drops the table, if no pipeline has a row in it. */
export async function dropCounter(sql: Mssql | TSqlSession, { table }: Counter): Promise<void> {
  await transactionSets(sql, statements.dropCounter(table));
}

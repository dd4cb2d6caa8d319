import { ElstreamError, type Cell } from '@elstream/core';
import { cellValue, stagedColumn, t, type TSqlSession } from '@elstream/database';
import { fullType, temporaryColumn } from './target';

/** A column of a temporary table that holds values as the warehouse does. */
export interface TypedColumn {
  readonly name: string;
  readonly type: string;
  /** Null: the database's. */
  readonly collation: string | null;
}

export interface TypedStage {
  /** `#name` */
  readonly table: string;
  readonly columns: readonly TypedColumn[];
  /** Further columns, as DDL. */
  readonly more?: string;
}

/** `ord` numbers the rows from 0. */
export function createTypedSql({ table, columns, more }: TypedStage): string {
  const raw = `${table}_raw`;
  return `DROP TABLE IF EXISTS ${table}; DROP TABLE IF EXISTS ${raw};
CREATE TABLE ${table} (ord int NOT NULL PRIMARY KEY, ${columns.map((c) => `${temporaryColumn(c, c.name)} NULL`).join(', ')}${more === undefined ? '' : `, ${more}`});
CREATE TABLE ${raw} (ord int NOT NULL, ${columns.map((c) => `${c.name} ${stagedColumn(fullType(c)).sqlType} NULL`).join(', ')});`;
}

export function fillTypedSql({ table, columns }: TypedStage): string {
  const raw = `${table}_raw`;
  return `INSERT INTO ${table} (ord, ${columns.map((c) => c.name).join(', ')}) SELECT s.ord, ${columns.map((c) => cellValue(fullType(c), `s.${c.name}`)).join(', ')} FROM ${raw} AS s;
DROP TABLE ${raw};`;
}

/** Rows that only the server can tell not to fit; null: there can be none. */
export function misfitSql({ table, columns }: TypedStage): string | null {
  const misfits = columns.flatMap((c) => stagedColumn(fullType(c)).misfit?.(`s.${c.name}`) ?? []);
  return misfits.length === 0 ? null : `SELECT TOP (1) s.ord FROM ${table}_raw AS s WHERE ${misfits.join(' OR ')};`;
}

/**
 * Loads cells and converts them on the server, before BEGIN (R2). Returns the rows.
 *
 * @throws ElstreamError (park) for a value that its column cannot hold
 */
export async function stageTyped(session: TSqlSession, stage: TypedStage, rows: Iterable<readonly Cell[]> | AsyncIterable<readonly Cell[]>): Promise<number> {
  await session.batch(createTypedSql(stage));
  const staged = stage.columns.map((c) => ({ name: c.name, ...stagedColumn(fullType(c)) }));
  const bulk = [{ name: 'ord', type: ORD, nullable: false }, ...staged.map((s) => ({ name: s.name, type: s.bulkType, nullable: true }))];
  const loaded = await session.bulk({ name: `${stage.table}_raw`, columns: bulk }, encoded(staged.map((s) => s.encode), rows));
  const misfit = misfitSql(stage);
  if (misfit !== null && (await session.rows(misfit)).length > 0) throw new ElstreamError('VALUE_UNFIT', 'park', 'a text holds characters that the code page of its warehouse column does not have; make the column nvarchar by columns.type');
  await session.batch(fillTypedSql(stage));
  return loaded;
}

const ORD = t.int(null).type;

async function* encoded(encoders: readonly ((cell: Cell) => unknown)[], rows: Iterable<readonly Cell[]> | AsyncIterable<readonly Cell[]>): AsyncGenerator<unknown[]> {
  let ord = 0;
  for await (const row of rows) {
    yield [ord, ...encoders.map((encode, i) => encode(row[i] ?? null))];
    ord += 1;
  }
}

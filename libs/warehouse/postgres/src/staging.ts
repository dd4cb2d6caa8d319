import type { QueryRunner } from 'typeorm';
import { encodeRow, keyIdentity, type Cell, type FoldedRow } from '@elstream/core';
import { copyIn, quoteName, sqlOn } from '@elstream/database';
import { beginText, type Begins } from './history/derive';
import { columnDefinition, tableHash, type Target } from './target';

/**
 * Staging tables: temporary, one per target and connection, typed like the target, so that a value the target cannot
 * hold fails here, before BEGIN (R2). They vanish with the connection.
 */

/** Staged operation of a folded row. */
export const STAGED = { delete: 0, upsert: 1, partial: 2 } as const;

export interface StagedBatch {
  /** Quoted name of the staging table. */
  readonly sql: string;
  /** The rows as staged; column `ord` is the index. */
  readonly rows: readonly FoldedRow[];
  /** Unknown column indices per group number (column `grp` of partial rows). */
  readonly unknownGroups: readonly (readonly number[])[];
  readonly deletes: number;
  readonly upserts: number;
  readonly carried: number;
}

/** About the size of what is handed to the driver at once. */
const PIECE_CHARS = 64 * 1024;

/** Which staging tables a connection has; a pool hands connections round. */
const made = new WeakMap<object, Set<string>>();

async function ensureTable(runner: QueryRunner, name: string, definition: () => string): Promise<void> {
  const connection = (await runner.connect()) as object;
  let names = made.get(connection);
  if (names === undefined) made.set(connection, (names = new Set()));
  const sql = sqlOn(runner);
  if (names.has(name)) {
    await sql.query(`TRUNCATE pg_temp.${quoteName(name)}`);
    return;
  }
  await sql.query(`DROP TABLE IF EXISTS pg_temp.${quoteName(name)}`);
  await sql.query(`CREATE TEMPORARY TABLE ${quoteName(name)} (${definition()})`);
  names.add(name);
}

/** Shape of the target in the name: a target whose columns changed gets another staging table. */
function stageName(kind: string, target: Target): string {
  return `${kind}_${tableHash(JSON.stringify([target.columns.map((c) => [c.type, c.collation]), target.keepsBegin]), target.sql)}`;
}

function columnList(target: Target): string {
  return target.columns.map((c) => columnDefinition(c, c.property)).join(', ');
}

/** Stages a chunk: codec bytes go through untouched. Returns the staging table and the rows taken. */
export async function stageChunk(runner: QueryRunner, target: Target, chunks: AsyncIterable<Uint8Array>): Promise<{ sql: string; rows: number }> {
  const name = stageName('chunk', target);
  await ensureTable(runner, name, () => columnList(target));
  const sql = `pg_temp.${quoteName(name)}`;
  const rows = await copyIn(runner, `COPY ${sql} (${target.columns.map((c) => c.property).join(', ')}) FROM STDIN`, chunks);
  return { sql, rows };
}

/** Where a chunk is staged piece by piece: its rows by their number (`ord`), and those that no table takes. Quoted names. */
export interface CarefulTables {
  readonly stage: string;
  readonly bad: string;
}

/** Empty staging tables for a chunk with bad rows. */
export async function ensureCareful(runner: QueryRunner, target: Target): Promise<CarefulTables> {
  const [stage, bad] = [stageName('careful', target), 'bad_rows'];
  await ensureTable(runner, stage, () => `ord int4 PRIMARY KEY, ${columnList(target)}`);
  await ensureTable(runner, bad, () => 'ord int4, "key" text, "row" text, bytes bytea, code text, reason text');
  return { stage: `pg_temp.${quoteName(stage)}`, bad: `pg_temp.${quoteName(bad)}` };
}

/** Stages versions of copied history: cells in mapping order, then column `deleted`. */
export async function stageVersions(runner: QueryRunner, target: Target, chunks: AsyncIterable<Uint8Array>): Promise<{ sql: string; rows: number }> {
  const name = stageName('versions', target);
  await ensureTable(runner, name, () => `${columnList(target)}, deleted pg_catalog.bool`);
  const sql = `pg_temp.${quoteName(name)}`;
  const rows = await copyIn(runner, `COPY ${sql} (${target.columns.map((c) => c.property).join(', ')}, deleted) FROM STDIN`, chunks);
  return { sql, rows };
}

/** Stages a folded batch of one table. `begins`: of rows whose target keeps it, column `vf`. */
export async function stageBatch(runner: QueryRunner, target: Target, rows: readonly FoldedRow[], begins: Begins = new Map()): Promise<StagedBatch> {
  const name = stageName('batch', target);
  await ensureTable(runner, name, () => {
    const carry = target.key.map((c, i) => columnDefinition(c, `k${i}`));
    return ['ord int4', 'op int2', 'grp int2', 'fresh bool', 'pos bytea', 'vf timestamptz', columnList(target), ...carry].join(', ');
  });
  const sql = `pg_temp.${quoteName(name)}`;
  const groups = new UnknownGroups();
  const counts = { deletes: 0, upserts: 0, carried: 0 };
  for (const row of rows) {
    if (row.op === 'delete') counts.deletes += 1;
    else if (row.carryFrom !== null) counts.carried += 1;
    else if (!row.cells.includes(undefined)) counts.upserts += 1;
  }
  const columns = ['ord', 'op', 'grp', 'fresh', 'pos', 'vf', ...target.columns.map((c) => c.property), ...target.key.map((_, i) => `k${i}`)];
  await copyIn(runner, `COPY ${sql} (${columns.join(', ')}) FROM STDIN`, encoded(rows, (row, ord) => stagedCells(target, row, { ord, begin: begins.size === 0 ? null : beginText(begins.get(keyIdentity(target.mapping, row.key)) ?? null), groups })));
  return { sql, rows, unknownGroups: groups.list, ...counts };
}

/** Lines are made as the server takes them: neither does it wait for the last, nor is the batch held a second time. */
function* encoded(rows: readonly FoldedRow[], cellsOf: (row: FoldedRow, ord: number) => Cell[]): Generator<Buffer> {
  let piece = '';
  for (const [ord, row] of rows.entries()) {
    piece += encodeRow(cellsOf(row, ord));
    if (piece.length < PIECE_CHARS) continue;
    yield Buffer.from(piece, 'utf8');
    piece = '';
  }
  if (piece !== '') yield Buffer.from(piece, 'utf8');
}

function stagedCells(target: Target, row: FoldedRow, at: { ord: number; begin: Cell; groups: UnknownGroups }): Cell[] {
  const { ord, begin, groups } = at;
  const position = `\\x${row.position.hex}`;
  const none: Cell[] = target.key.map(() => null);
  if (row.op === 'delete') {
    const cells: Cell[] = target.columns.map(() => null);
    target.mapping.key.forEach((column, i) => (cells[column] = row.key[i] ?? null));
    return [String(ord), String(STAGED.delete), '-1', 'f', position, begin, ...cells, ...none];
  }
  const unknown = row.cells.flatMap((cell, i) => (cell === undefined ? [i] : []));
  const op = unknown.length === 0 ? STAGED.upsert : STAGED.partial;
  const group = unknown.length === 0 ? -1 : groups.of(unknown);
  return [String(ord), String(op), String(group), row.fresh ? 't' : 'f', position, begin, ...row.cells.map((c) => c ?? null), ...(row.carryFrom ?? none)];
}

class UnknownGroups {
  readonly list: number[][] = [];
  private readonly byColumns = new Map<string, number>();

  of(unknown: number[]): number {
    const id = unknown.join();
    let group = this.byColumns.get(id);
    if (group === undefined) {
      group = this.list.push(unknown) - 1;
      this.byColumns.set(id, group);
    }
    return group;
  }
}

/** `a.k = b.k AND …` over the key columns, given how each side spells a column. */
export function keyEquals(target: Target, left: (property: string, quoted: string) => string, right: (property: string, quoted: string) => string): string {
  return target.key.map((c) => `${left(c.property, c.quoted)} = ${right(c.property, c.quoted)}`).join(' AND ');
}


import {
  decide,
  keyIdentity,
  leavesMarker,
  mayCarry,
  mayKeepUnknown,
  notUnicode,
  ruleHolds,
  timestampText,
  type EventCell,
  type FoldedRow,
  type Standing,
} from '@elstream/core';
import type { Sql } from '@elstream/database';
import type { WriteCounts } from './bulk-writes';
import type { DerivedState } from './history/derive';
import { BEGIN_COLUMN } from './history/archive';
import { keysAsArrays } from './keys-as-arrays';
import { textOf, versionOf } from './standing';
import { BEGIN_PROPERTY, EPOCH_COLUMN, EPOCH_PROPERTY, POSITION_COLUMN, POSITION_PROPERTY, type EntityRow, type Target } from './target';

/** Up to this many folded rows of a table (and bound values) go through TypeORM; above, set-based SQL is faster. */
export const SMALL_ROWS = 200;
/** Bound values of one statement. */
export const SMALL_VALUES = 20_000;

export function isSmall(target: Target, rows: readonly FoldedRow[]): boolean {
  return rows.length <= SMALL_ROWS && rows.length * (target.columns.length + 2) <= SMALL_VALUES;
}

/** Cells to be written at the row's key and position; `undefined` is left alone. */
export interface Upsert {
  readonly row: Extract<FoldedRow, { op: 'upsert' }>;
  readonly cells: readonly EventCell[];
  /** For targets that keep it; absent: left alone, in a new row unknown. */
  readonly begin?: string | null;
}

/**
 * Small writes: reads what stands at the keys, decides with the pure functions of core `version.ts`, writes through
 * TypeORM. Runs under the table's exclusive lock, so nothing changes between reading and writing.
 * Returns the indices of rows to be read again by key; then nothing was written.
 */
export async function applySmall(sql: Sql, target: Target, rows: readonly FoldedRow[], state: DerivedState): Promise<WriteCounts | readonly number[]> {
  const { epoch } = state;
  const standing = await readStanding(sql, target, rows.map((r) => r.key));
  const deletes: FoldedRow[] = [];
  const upserts: Upsert[] = [];
  const unresolved: number[] = [];
  for (const [index, row] of rows.entries()) {
    const stands = standing[index] ?? { is: 'nothing' };
    if (decide(stands, { epoch, kind: 'stream', position: row.position }, state.truncated) === 'ignore') continue;
    if (row.op === 'delete') {
      deletes.push(row);
      continue;
    }
    const carry = mayCarry({ live: state.phase === 'live', rereadUntil: state.rereadUntil }, row.position);
    const cells = carry ? await carriedCells(sql, target, row, epoch) : row.cells;
    if (cells.includes(undefined) && (row.fresh || row.carryFrom !== null || !mayKeepUnknown(stands, epoch))) unresolved.push(index);
    else upserts.push({ row, cells, ...beginOf(target, row.key, state) });
  }
  if (unresolved.length > 0) return unresolved;
  const marks = leavesMarker({ preloading: state.phase === 'preloading', openUses: state.openUses });
  const deleted = await deleteRows(sql, target, deletes);
  if (marks && ruleHolds('R5-delete-markers')) await insertMarkers(sql, target, deletes, epoch);
  await upsertRows(sql, target, upserts, epoch);
  if (marks) await deleteMarkers(sql, target, upserts.map((u) => u.row.key));
  return { written: upserts.length, deleted };
}

/** Every batch says it, where the target keeps it. */
function beginOf(target: Target, key: readonly string[], state: DerivedState): { readonly begin?: string | null } {
  if (!target.keepsBegin) return {};
  const us = state.derived?.begins.get(keyIdentity(target.mapping, key)) ?? null;
  return { begin: us === null ? null : timestampText(us, true) };
}

/** The unknown cells of a moved row, taken from the row that moved if it is of the current epoch. */
async function carriedCells(sql: Sql, target: Target, row: Upsert['row'], epoch: number): Promise<readonly EventCell[]> {
  if (row.carryFrom === null || !row.cells.includes(undefined)) return row.cells;
  const text = await textOfCarried(sql, target, row.carryFrom, epoch);
  return text === null ? row.cells : row.cells.map((cell, i) => (cell === undefined ? (text[i] ?? null) : cell));
}

/**
 * A standing row's cells as text: the values go back to the same server, whose text form is lossless. `concat` gives a
 * type's own output; a cast to text would strip the blanks of `bpchar`.
 */
async function textOfCarried(sql: Sql, target: Target, key: readonly string[], epoch: number): Promise<(string | null)[] | null> {
  const select = target.columns.map((c, i) => `${textOf('t', c)} AS v${i}`).join(', ');
  const where = target.key.map((c, i) => `t.${c.quoted} = $${i + 2}`).join(' AND ');
  const [found] = await sql.query<Record<string, string | null>>(`SELECT ${select} FROM ${target.sql} AS t WHERE ${where} AND t.${EPOCH_COLUMN} = $1`, [epoch, ...key]);
  return found === undefined ? null : target.columns.map((_, i) => found[`v${i}`] ?? null);
}

interface StandingRow {
  ord: string;
  epoch: number;
  position: Buffer | null;
}

/** What stands at each key, in the order of `keys`. */
async function readStanding(sql: Sql, target: Target, keys: readonly (readonly string[])[]): Promise<Standing[]> {
  const standing: Standing[] = keys.map(() => ({ is: 'nothing' }));
  if (keys.length === 0) return standing;
  const arrays = keysAsArrays(target, keys, 1);
  const from = (table: string): string => `SELECT u.ord::text AS ord, x.${EPOCH_COLUMN} AS epoch, x.${POSITION_COLUMN} AS position FROM ${arrays.from} JOIN ${table} AS x ON ${arrays.same('x')}`;
  for (const marker of await sql.query<StandingRow>(from(target.markerSql), arrays.values)) standing[Number(marker.ord) - 1] = { is: 'marker', version: versionOf(marker) };
  for (const row of await sql.query<StandingRow>(from(target.sql), arrays.values)) standing[Number(row.ord) - 1] = { is: 'row', version: versionOf(row) };
  return standing;
}

function keyProperties(target: Target, key: readonly string[]): EntityRow {
  return Object.fromEntries(target.key.map((c, i) => [c.entityProperty, key[i] ?? null]));
}

export async function deleteRows(sql: Sql, target: Target, rows: readonly FoldedRow[]): Promise<number> {
  if (rows.length === 0) return 0;
  const result = await sql.runner.manager.createQueryBuilder().delete().from(target.entity).where(rows.map((r) => keyProperties(target, r.key))).execute();
  return result.affected ?? 0;
}

export async function insertMarkers(sql: Sql, target: Target, deletes: readonly FoldedRow[], epoch: number): Promise<void> {
  if (deletes.length === 0) return;
  const values = deletes.map((d) => ({ ...keyProperties(target, d.key), [EPOCH_PROPERTY]: epoch, [POSITION_PROPERTY]: d.position.toBytes() }));
  const names = target.key.map((c) => c.name);
  await sql.runner.manager.createQueryBuilder().insert().into(target.markers).values(values)
    .orUpdate([...names, EPOCH_COLUMN, POSITION_COLUMN], names).updateEntity(false).execute();
}

export async function deleteMarkers(sql: Sql, target: Target, keys: readonly (readonly string[])[]): Promise<void> {
  if (keys.length === 0) return;
  await sql.runner.manager.createQueryBuilder().delete().from(target.markers).where(keys.map((key) => keyProperties(target, key))).execute();
}

export async function upsertRows(sql: Sql, target: Target, upserts: readonly Upsert[], epoch: number): Promise<void> {
  const values = (u: Upsert): EntityRow => {
    // The driver would make another character of it, where COPY is refused.
    const unfit = notUnicode(target.mapping, u.cells);
    if (unfit !== null) throw unfit;
    const row: EntityRow = { [EPOCH_PROPERTY]: epoch, [POSITION_PROPERTY]: u.row.position.toBytes() };
    for (const [i, column] of target.columns.entries()) {
      const cell = u.cells[i];
      if (cell !== undefined) row[column.entityProperty] = cell;
    }
    if (u.begin !== undefined) row[BEGIN_PROPERTY] = u.begin;
    return row;
  };
  const full = upserts.filter((u) => !u.cells.includes(undefined));
  if (full.length > 0) {
    const names = [...target.columns.map((c) => c.name), EPOCH_COLUMN, POSITION_COLUMN, ...(full[0]?.begin === undefined ? [] : [BEGIN_COLUMN])];
    await sql.runner.manager.createQueryBuilder().insert().into(target.entity).values(full.map(values))
      .orUpdate(names, target.key.map((c) => c.name)).updateEntity(false).execute();
  }
  for (const partial of upserts.filter((u) => u.cells.includes(undefined))) {
    await sql.runner.manager.createQueryBuilder().update(target.entity).set(values(partial)).where(keyProperties(target, partial.row.key)).execute();
  }
}

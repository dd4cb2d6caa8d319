import { leavesMarker, ruleHolds, type LogPosition } from '@elstream/core';
import type { Sql } from '@elstream/database';
import type { LockedState } from '@elstream/warehouse';
import { BEGIN_COLUMN } from './history/archive';
import { setBegins, type DerivedState } from './history/derive';
import { archiveOverfilled, fillBegin, fillPosition } from './history/overfilled';
import { keyEquals, STAGED, type StagedBatch } from './staging';
import { EPOCH_COLUMN, POSITION_COLUMN, type EntityColumn, type Target } from './target';

/**
 * Set-based statements of the two hot paths, written from the entity's columns. They state the predicates of core
 * `version.ts` in SQL; `decisions.pg.spec.ts` holds the two together. `$1` is always the current epoch.
 */
export interface WriteCounts {
  written: number;
  deleted: number;
}

const targetKey = (alias: string) => (_property: string, quoted: string) => `${alias}.${quoted}`;
const stageKey = (alias: string) => (property: string) => `${alias}.${property}`;

/** `decide`: the standing row or marker is newer than the staged write (same epoch, both of kind stream, higher position). */
const newer = (standing: string, position: string): string =>
  `${standing}.${EPOCH_COLUMN} > $1 OR (${standing}.${EPOCH_COLUMN} = $1 AND ${standing}.${POSITION_COLUMN} IS NOT NULL AND ${standing}.${POSITION_COLUMN} > ${position})`;

/** Applies a truncate (R6): what stood at or before it goes; its position is remembered by the caller. */
export async function truncateTarget(sql: Sql, target: Target, epoch: number, position: LogPosition): Promise<number> {
  return sql.execute(
    `DELETE FROM ${target.sql} AS t WHERE t.${EPOCH_COLUMN} < $1 OR (t.${EPOCH_COLUMN} = $1 AND (t.${POSITION_COLUMN} IS NULL OR t.${POSITION_COLUMN} <= $2))`,
    [epoch, position.toBytes()],
  );
}

/**
 * Fills unknown cells of moved rows from the row that moved (R6), where it is of the current epoch and may be trusted; they become plain
 * upserts. Before any delete, since the old row is about to go.
 */
async function fillCarried(sql: Sql, target: Target, staged: StagedBatch, state: LockedState): Promise<void> {
  // `mayCarry`
  if (state.phase !== 'live') return;
  const above = state.rereadUntil?.toBytes() ?? Buffer.alloc(0);
  const from = target.key.map((c, i) => `t.${c.quoted} = s.k${i}`).join(' AND ');
  for (const [group, unknown] of staged.unknownGroups.entries()) {
    const columns = columnsAt(target, unknown);
    await sql.execute(
      `UPDATE ${staged.sql} AS s SET op = ${STAGED.upsert}, ${columns.map((c) => `${c.property} = t.${c.quoted}`).join(', ')}
         FROM ${target.sql} AS t WHERE s.op = ${STAGED.partial} AND s.grp = $2 AND s.k0 IS NOT NULL AND ${from} AND t.${EPOCH_COLUMN} = $1 AND s.pos > $3`,
      [state.epoch, group, above],
    );
  }
}

/**
 * Rows whose unknown columns nothing of the current epoch supplies (`mayKeepUnknown`): their indices. A moved row's
 * own place counts only for itself, so a carried row that was not filled is always among them; so is one that begins anew.
 */
async function unresolvedRows(sql: Sql, target: Target, staged: StagedBatch, epoch: number): Promise<number[]> {
  const rows = await sql.query<{ ord: number }>(
    `SELECT s.ord FROM ${staged.sql} AS s WHERE s.op = ${STAGED.partial} AND (s.fresh OR s.k0 IS NOT NULL OR NOT EXISTS
       (SELECT FROM ${target.sql} AS t WHERE ${keyEquals(target, (_p, q) => `t.${q}`, (p) => `s.${p}`)} AND t.${EPOCH_COLUMN} = $1)) ORDER BY s.ord`,
    [epoch],
  );
  return rows.map((r) => r.ord);
}

/** Applies a staged batch. Returns the indices of rows to be read again; then nothing else was written. */
export async function applyStaged(sql: Sql, target: Target, staged: StagedBatch, state: DerivedState): Promise<WriteCounts | readonly number[]> {
  const { epoch } = state;
  if (state.truncated?.epoch === epoch) await sql.execute(`DELETE FROM ${staged.sql} WHERE pos < $1`, [state.truncated.position.toBytes()]);
  const partials = staged.unknownGroups.length > 0;
  if (partials) {
    if (staged.carried > 0) await fillCarried(sql, target, staged, state);
    const unresolved = await unresolvedRows(sql, target, staged, epoch);
    if (unresolved.length > 0) return unresolved;
  }
  const marks = leavesMarker({ preloading: state.phase === 'preloading', openUses: state.openUses });
  const counts: WriteCounts = { written: 0, deleted: 0 };
  if (staged.deletes > 0) counts.deleted += await deleteStaged(sql, target, staged, { epoch, marks });
  if (staged.upserts > 0 || staged.carried > 0) counts.written += await upsertStaged(sql, target, staged, epoch);
  if (partials) counts.written += await updatePartials(sql, target, staged, epoch);
  if (marks) await clearMarkers(sql, target, staged, epoch);
  if (target.keepsBegin) await setBegins(sql, target, state.derived?.odd ?? []);
  return counts;
}

async function deleteStaged(sql: Sql, target: Target, staged: StagedBatch, options: { epoch: number; marks: boolean }): Promise<number> {
  const same = keyEquals(target, targetKey('t'), stageKey('s'));
  const deleted = await sql.execute(
    `DELETE FROM ${target.sql} AS t USING ${staged.sql} AS s WHERE s.op = ${STAGED.delete} AND ${same} AND NOT (${newer('t', 's.pos')})`,
    [options.epoch],
  );
  if (options.marks && ruleHolds('R5-delete-markers')) {
    // a row still standing is newer than the delete: then the delete was ignored and leaves no marker
    const keys = target.key.map((c) => c.quoted).join(', ');
    await sql.execute(
      `INSERT INTO ${target.markerSql} AS m (${keys}, ${EPOCH_COLUMN}, ${POSITION_COLUMN})
       SELECT DISTINCT ON (${target.key.map((c) => `s.${c.property}`).join(', ')}) ${target.key.map((c) => `s.${c.property}`).join(', ')}, $1::int4, s.pos
         FROM ${staged.sql} AS s WHERE s.op = ${STAGED.delete} AND NOT EXISTS (SELECT FROM ${target.sql} AS t WHERE ${same})
        ORDER BY ${target.key.map((c) => `s.${c.property}`).join(', ')}, s.pos DESC
       ON CONFLICT (${keys}) DO UPDATE SET ${EPOCH_COLUMN} = EXCLUDED.${EPOCH_COLUMN}, ${POSITION_COLUMN} = EXCLUDED.${POSITION_COLUMN}
        WHERE NOT (${newer('m', `EXCLUDED.${POSITION_COLUMN}`)})`,
      [options.epoch],
    );
  }
  return deleted;
}

/** `INSERT … ON CONFLICT DO UPDATE SET` all columns, keys too: an equal key may be spelled anew (1.0 → 1.00). */
function upsertHead(target: Target, over: { readonly begin?: string | undefined; readonly position?: string } = {}): { insert: string; conflict: string } {
  const { begin = `greatest(EXCLUDED.${BEGIN_COLUMN}, t.${BEGIN_COLUMN})`, position = `EXCLUDED.${POSITION_COLUMN}` } = over;
  const own = [...target.columns.map((c) => c.quoted), EPOCH_COLUMN, POSITION_COLUMN];
  const names = [...own, ...(target.keepsBegin ? [BEGIN_COLUMN] : [])];
  const sets = [...own.map((n) => `${n} = ${n === POSITION_COLUMN ? position : `EXCLUDED.${n}`}`), ...(target.keepsBegin ? [`${BEGIN_COLUMN} = ${begin}`] : [])];
  return {
    insert: `INSERT INTO ${target.sql} AS t (${names.join(', ')})`,
    conflict: `ON CONFLICT (${target.key.map((c) => c.quoted).join(', ')}) DO UPDATE SET ${sets.join(', ')}`,
  };
}

async function upsertStaged(sql: Sql, target: Target, staged: StagedBatch, epoch: number): Promise<number> {
  const { insert, conflict } = upsertHead(target);
  return sql.execute(
    `${insert} SELECT ${target.columns.map((c) => `s.${c.property}`).join(', ')}, $1::int4, s.pos${target.keepsBegin ? ', s.vf' : ''} FROM ${staged.sql} AS s
      WHERE s.op = ${STAGED.upsert} AND NOT EXISTS (SELECT FROM ${target.markerSql} AS m WHERE ${keyEquals(target, targetKey('m'), stageKey('s'))} AND (${newer('m', 's.pos')}))
     ${conflict} WHERE NOT (${newer('t', `EXCLUDED.${POSITION_COLUMN}`)})`,
    [epoch],
  );
}

async function updatePartials(sql: Sql, target: Target, staged: StagedBatch, epoch: number): Promise<number> {
  let written = 0;
  for (const [group, unknown] of staged.unknownGroups.entries()) {
    const known = target.columns.filter((_, i) => !unknown.includes(i));
    written += await sql.execute(
      `UPDATE ${target.sql} AS t SET ${known.map((c) => `${c.quoted} = s.${c.property}`).join(', ')}, ${EPOCH_COLUMN} = $1, ${POSITION_COLUMN} = s.pos${target.keepsBegin ? `, ${BEGIN_COLUMN} = greatest(s.vf, t.${BEGIN_COLUMN})` : ''}
         FROM ${staged.sql} AS s WHERE s.op = ${STAGED.partial} AND s.grp = $2 AND ${keyEquals(target, targetKey('t'), stageKey('s'))}
          AND t.${EPOCH_COLUMN} = $1 AND NOT (${newer('t', 's.pos')})`,
      [epoch, group],
    );
  }
  return written;
}

/** A written row takes its marker's place. */
async function clearMarkers(sql: Sql, target: Target, staged: StagedBatch, epoch: number): Promise<void> {
  await sql.execute(
    `DELETE FROM ${target.markerSql} AS m USING ${staged.sql} AS s WHERE s.op <> ${STAGED.delete} AND ${keyEquals(target, targetKey('m'), stageKey('s'))} AND NOT (${newer('m', 's.pos')})`,
    [epoch],
  );
}

/** Target columns that rows of older epochs never had: history does not count a row as changed for them. */
export interface Fill {
  readonly epoch: number;
  readonly added: readonly string[];
}

/** R4: a staged chunk fills the places `mayFill` allows. Returns the rows written. */
export async function fillFromChunk(sql: Sql, target: Target, stage: string, fill: Fill): Promise<number> {
  const { epoch } = fill;
  const begin = target.keepsBegin ? fillBegin(target, fill.added) : null;
  const { insert, conflict } = upsertHead(target, { begin: begin?.standing, position: fillPosition(target, fill.added) });
  const touched = `SELECT FROM ${target.markerSql} AS m WHERE ${keyEquals(target, targetKey('m'), stageKey('s'))} AND m.${EPOCH_COLUMN} >= $1`;
  await archiveOverfilled(sql, target, { stage, ...fill, touched });
  return sql.execute(
    `${insert} SELECT ${target.columns.map((c) => `s.${c.property}`).join(', ')}, $1::int4, NULL::bytea${begin === null ? '' : `, ${begin.fresh}`} FROM ${stage} AS s
      WHERE NOT EXISTS (${touched})
     ${conflict} WHERE t.${EPOCH_COLUMN} < $1 OR (t.${EPOCH_COLUMN} = $1 AND t.${POSITION_COLUMN} IS NULL)`,
    [epoch],
  );
}

export function columnsAt(target: Target, indices: readonly number[]): EntityColumn[] {
  return indices.flatMap((i) => target.columns[i] ?? []);
}

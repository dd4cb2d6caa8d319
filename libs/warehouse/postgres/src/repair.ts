import { ElstreamError, keyIdentity, repairPosition, ruleHolds, sameStanding, sameTruncate, type Cell, type FoldedRow, type LogPosition } from '@elstream/core';
import { inTransaction, onDatabase, type Sql } from '@elstream/database';
import type { LockedState, RepairableWarehouse, RepairEntry, RepairOutcome, RepairWrite, TableUse } from '@elstream/warehouse';
import { lockTables, readLockedStates, requireState } from './control-state';
import { readReplayed, settle } from './dead-letters';
import { requireCurrent } from './evolution/outdated';
import { beginMissing, beginReplayed, recordReplay, type ReplayedRow } from './history/replay';
import { deleteMarkers, deleteRows, insertMarkers, SMALL_VALUES, upsertRows, type Upsert } from './small-writes';
import { readChangedKeys, readStandingRows } from './standing';
import type { Target } from './target';
import type { WarehouseParts } from './warehouse-parts';

/** R8 and R9 on PostgreSQL. */
export function createRepairs(parts: WarehouseParts): RepairableWarehouse {
  const { dataSource } = parts;
  return {
    openUse: async (use) => {
      const target = await parts.targetOf(use.mapping);
      await inTransaction(dataSource, async (sql) => openUse(sql, use, target));
    },
    closeUse: async (use) => {
      const target = await parts.targetOf(use.mapping);
      await inTransaction(dataSource, async (sql) => closeUse(sql, use, target));
    },
    staleUses: async (pipeline) =>
      onDatabase(dataSource, async (sql) => {
        const rows = await sql.query<{ table_id: string; run_id: string }>(
          `SELECT u.table_id, u.run_id::text AS run_id FROM elstream.open_use AS u LEFT JOIN elstream.run AS r ON r.id = u.run_id
            WHERE u.pipeline = $1 AND (r.id IS NULL OR r.state NOT IN ('pending', 'running')) ORDER BY 1, 2`,
          [pipeline],
        );
        return rows.map((row) => ({ table: row.table_id, runId: row.run_id }));
      }),
    readStanding: async (mapping, keys) => {
      const target = await parts.targetOf(mapping);
      return onDatabase(dataSource, async (sql) => readStandingRows(sql, parts.pipeline, target, keys));
    },
    repairRows: async (write) => {
      const target = await parts.targetOf(write.mapping);
      return inTransaction(dataSource, async (sql) => repairRows(sql, write, target));
    },
    changedKeys: async (mapping, since, limit) => {
      const target = await parts.targetOf(mapping);
      return onDatabase(dataSource, async (sql) => readChangedKeys(sql, { pipeline: parts.pipeline, target, since, limit }));
    },
  };
}

/** Excludes every batch and merge of the table; the state as it then stands. */
async function exclude(sql: Sql, pipeline: string, table: string): Promise<LockedState | null> {
  await lockTables(sql, { by: 'switch' }, pipeline, [table]);
  return (await readLockedStates(sql, pipeline, [table])).get(table) ?? null;
}

const needsNoMarkers = (state: LockedState): boolean => state.openUses === 0 && state.phase !== 'preloading';

async function openUse(sql: Sql, use: TableUse, target: Target): Promise<void> {
  const { pipeline, mapping, runId } = use;
  const state = await exclude(sql, pipeline, mapping.id);
  requireState(new Map(state === null ? [] : [[mapping.id, state]]), mapping.id);
  // What the settling of a dead letter left: a row written since may stand beside such a marker.
  if (state !== null && needsNoMarkers(state)) await sql.execute(`DELETE FROM ${target.markerSql}`);
  await sql.execute('INSERT INTO elstream.open_use (pipeline, table_id, run_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', [pipeline, mapping.id, runId]);
}

async function closeUse(sql: Sql, use: TableUse, target: Target): Promise<void> {
  const { pipeline, mapping, runId } = use;
  await lockTables(sql, { by: 'switch' }, pipeline, [mapping.id]);
  await sql.execute('DELETE FROM elstream.open_use WHERE pipeline = $1 AND table_id = $2 AND run_id = $3', [pipeline, mapping.id, runId]);
  await dropUnneededMarkers(sql, pipeline, target);
}

/** Under the table's locks, after a use or a dead letter of it has ended (R5). */
async function dropUnneededMarkers(sql: Sql, pipeline: string, target: Target): Promise<void> {
  const table = target.mapping.id;
  const state = (await readLockedStates(sql, pipeline, [table])).get(table);
  if (state !== undefined && needsNoMarkers(state)) await sql.execute(`DELETE FROM ${target.markerSql}`);
}

/** One entry, judged: what it comes to and, where something is written, at which version. */
interface Judged {
  readonly entry: RepairEntry;
  readonly outcome: RepairOutcome;
  readonly position: LogPosition;
}

/**
 * R9: judges every entry from what stands now, under exclusion of batches and fills, then writes. The write counts as a
 * touch of the current epoch; it keeps the position of a row or marker that the stream wrote in this epoch and else takes
 * the lowest, so that every event that has not been applied yet is applied over it.
 */
async function repairRows(sql: Sql, write: RepairWrite, target: Target): Promise<RepairOutcome[]> {
  const { pipeline, mapping } = write;
  const state = await exclude(sql, pipeline, mapping.id);
  if (state === null || state.phase === 'new' || state.phase === 'stopped') {
    throw new ElstreamError('TABLE_NOT_LIVE', 'refuse', `the table is ${state?.phase ?? 'not prepared'}: start a run to load it, rows are not repaired one by one before that`, { place: { pipeline, table: mapping.id } });
  }
  await refuseWithoutUse(sql, write);
  await requireCurrent(sql, pipeline, mapping);
  const now = await readStandingRows(sql, pipeline, target, write.entries.map((e) => e.key));
  const anew = now.epoch !== write.epoch || !sameTruncate(now.truncated, write.truncated);
  const seen = new Map<string, Judged>();
  const judged = write.entries.map((entry, index): Judged => {
    const at = now.at[index] ?? { standing: { is: 'nothing' }, row: null };
    const id = keyIdentity(mapping, entry.key);
    const earlier = seen.get(id);
    if (earlier !== undefined) return { ...earlier, entry, outcome: earlier.outcome !== 'moved' && sameRow(earlier.entry.row, entry.row) ? 'unchanged' : 'moved' };
    const moved = ruleHolds('R9-guard') && (anew || !sameStanding(at.standing, entry.expect));
    const outcome = moved ? 'moved' : sameRow(at.row, entry.row) ? 'unchanged' : entry.row === null ? 'deleted' : 'written';
    const found: Judged = { entry, outcome, position: repairPosition(at.standing, state.epoch) };
    seen.set(id, found);
    return found;
  });
  const replayed = await replayedRows(sql, target, pipeline, judged);
  for (const one of replayed) if (one.ends) await recordReplay(sql, target, one);
  await writeJudged(sql, target, state, judged);
  for (const one of replayed) await beginReplayed(sql, target, one);
  await beginMissing(sql, target, judged.flatMap((j) => (j.outcome === 'written' ? [j.entry.key] : [])));
  if (judged.some((j) => j.outcome === 'written' || j.outcome === 'deleted')) {
    await sql.execute('UPDATE elstream.table_state SET reread_until = greatest(reread_until, $3::text), updated_at = now() WHERE pipeline = $1 AND table_id = $2', [pipeline, mapping.id, write.readUntil.hex]);
  }
  await settleAll(sql, pipeline, judged);
  if (judged.some((j) => j.entry.settles !== undefined)) await dropUnneededMarkers(sql, pipeline, target);
  return judged.map((j) => j.outcome);
}

/** Under the table's locks, which who closes a use takes as well. */
async function refuseWithoutUse(sql: Sql, { pipeline, mapping, runId }: RepairWrite): Promise<void> {
  if (runId === undefined || !ruleHolds('R9-guard')) return;
  const open = await sql.query('SELECT 1 FROM elstream.open_use WHERE pipeline = $1 AND table_id = $2 AND run_id = $3', [pipeline, mapping.id, runId]);
  if (open.length === 0) throw new ElstreamError('TASK_LOST', 'lost', `the use of the table by run ${runId} was closed: deletes since then have left no markers`, { place: { pipeline, table: mapping.id } });
}

/** Dead letters all of whose entries have been repaired, or found right. */
async function settleAll(sql: Sql, pipeline: string, judged: readonly Judged[]): Promise<void> {
  const open = new Set(judged.flatMap(({ entry, outcome }) => (outcome === 'moved' ? (entry.settles ?? []) : [])));
  for (const { entry, outcome } of judged) {
    if (entry.settles !== undefined && outcome !== 'moved' && !open.has(entry.settles)) await settle(sql, pipeline, entry.settles, outcome);
  }
}

/** R13: rows that a replay changes. Repairs leave no version, but a dead letter is a change that history would lack. */
async function replayedRows(sql: Sql, target: Target, pipeline: string, judged: readonly Judged[]): Promise<(ReplayedRow & { readonly ends: boolean })[]> {
  if (target.archive?.kind !== 'derived') return [];
  const changed = judged.filter(({ outcome }) => outcome === 'written' || outcome === 'deleted');
  const letters = await readReplayed(sql, pipeline, changed.flatMap(({ entry }) => entry.settles ?? []));
  return changed.flatMap(({ entry, outcome }) => {
    const letter = letters.get(entry.settles ?? '');
    return letter === undefined ? [] : [{ key: entry.key, committedAtUs: letter.committedAtUs, deleted: outcome === 'deleted', ends: letter.op !== 'insert' }];
  });
}

async function writeJudged(sql: Sql, target: Target, state: LockedState, judged: readonly Judged[]): Promise<void> {
  const deletes: FoldedRow[] = [];
  const upserts: Upsert[] = [];
  for (const { entry, outcome, position } of judged) {
    const { key, row: cells } = entry;
    if (outcome === 'deleted') deletes.push({ op: 'delete', key, position });
    if (outcome === 'written' && cells !== null) upserts.push({ row: { op: 'upsert', key, position, cells, carryFrom: null, fresh: false }, cells });
  }
  const perStatement = Math.max(1, Math.floor(SMALL_VALUES / (target.columns.length + 2)));
  await deleteRows(sql, target, deletes);
  // Always: nothing but the marker keeps a fill, or an event older than the repaired state, from bringing the row back.
  await insertMarkers(sql, target, deletes, state.epoch);
  for (let start = 0; start < upserts.length; start += perStatement) await upsertRows(sql, target, upserts.slice(start, start + perStatement), state.epoch);
  await deleteMarkers(sql, target, upserts.map((u) => u.row.key));
}

/** Exactly: text forms are canonical (R1), so two spellings are two values. */
function sameRow(a: readonly Cell[] | null, b: readonly Cell[] | null): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((cell, i) => cell === b[i]);
}

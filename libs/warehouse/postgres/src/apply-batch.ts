import { describeKey, ElstreamError, failpoint, recoveryOf, ruleHolds, type FoldedRow, type FoldedTable } from '@elstream/core';
import { classifyPostgresError, inRunnerTransaction, isDatabaseError, type EntityDataSource, type Sql } from '@elstream/database';
import { type BatchResult, type BatchWrite, fillReread, locateCulprit, type LockedState, movedCheckpoint, type RereadRows } from '@elstream/warehouse';
import { applyStaged, truncateTarget, type WriteCounts } from './bulk-writes';
import { lockTables, moveCheckpoint, readLockedStates, requireState } from './control-state';
import { isActive, park } from './dead-letters';
import { outdatedTables } from './evolution/outdated';
import { markToReload } from './evolution/stale';
import { deriveBatch, stagedBegins, type Begins, type DerivedState } from './history/derive';
import { noteDueOfBatch } from './history/due';
import { applySmall, isSmall } from './small-writes';
import { liftStatementLimit } from './statement-limit';
import { STAGED, stageBatch, type StagedBatch } from './staging';
import type { Target } from './target';

/** One table's share of a batch, ready for the transaction. */
interface TableWork {
  readonly target: Target;
  readonly reread: RereadRows | undefined;
  readonly fold: FoldedTable;
  readonly rows: readonly FoldedRow[];
  /** Present where the rows go by set-based SQL. */
  readonly staged: StagedBatch | null;
  /** A value that staging refused; told inside the transaction, for only there it is known whether the table's events count. */
  readonly refused: ElstreamError | null;
}

type Outcome = { readonly kind: 'tried' } | { readonly kind: 'moved'; readonly counts: WriteCounts } | { readonly kind: 'lost' } | { readonly kind: 'reread'; readonly keys: Map<string, readonly (readonly string[])[]> };

/** Leaves the transaction without an error of the database: everything rolls back. */
class Abort extends Error {
  constructor(readonly outcome: Outcome) {
    super('batch not applied');
  }
}

/** Epochs seen first; used only when `npm run sabotage` switches R5's «read in the transaction» off. */
const staleEpochs = new Map<string, number>();

/**
 * Applies one batch: staging first, then one transaction of rows, counters and checkpoint (R2). The order inside is
 * exclusion → states → rows → checkpoint; every decision is made from rows read there.
 */
export async function applyBatch(dataSource: EntityDataSource, write: BatchWrite, targetOf: (tableId: string) => Target): Promise<BatchResult> {
  const runner = dataSource.createQueryRunner();
  try {
    const work: TableWork[] = [];
    for (const { mapping, fold } of write.tables) {
      const target = targetOf(mapping.id);
      const reread = write.reread.get(mapping.id);
      const rows = fillReread(target.mapping, fold.rows, reread);
      const stage = (): Promise<StagedBatch> => (write.trial ? stageBatch : staged)(runner, target, rows, target.keepsBegin ? stagedBegins(mapping, fold.changes) : undefined);
      work.push({ target, reread, fold, rows, ...(isSmall(target, rows) ? { staged: null, refused: null } : await unlessRefused(stage)) });
    }
    await failpoint('batch:staged');
    const outcome = await inRunnerTransaction(runner, async (sql) => writeAll(sql, write, work)).catch((error: unknown) => {
      if (error instanceof Abort) return error.outcome;
      throw error;
    });
    switch (outcome.kind) {
      case 'lost':
        return { outcome: 'lost' };
      case 'tried':
        return { outcome: 'tried' };
      case 'reread':
        return { outcome: 'reread', keys: outcome.keys };
      case 'moved':
        return {
          outcome: 'applied',
          checkpoint: movedCheckpoint(write),
          rowsWritten: outcome.counts.written,
          rowsDeleted: outcome.counts.deleted,
        };
    }
  } catch (error) {
    throw isDatabaseError(error) ? classifyPostgresError(error) : error;
  } finally {
    await runner.release();
  }
}

async function staged(runner: ReturnType<EntityDataSource['createQueryRunner']>, target: Target, rows: readonly FoldedRow[], begins?: Begins): Promise<StagedBatch> {
  try {
    return await stageBatch(runner, target, rows, begins);
  } catch (error) {
    throw await namingTheRow(error, target, rows, async (some) => {
      await stageBatch(runner, target, some);
    });
  }
}

async function unlessRefused(stage: () => Promise<StagedBatch>): Promise<Pick<TableWork, 'staged' | 'refused'>> {
  try {
    return { staged: await stage(), refused: null };
  } catch (thrown) {
    const error = isDatabaseError(thrown) ? classifyPostgresError(thrown) : thrown;
    if (error instanceof ElstreamError && error.recovery === 'park') return { staged: null, refused: error };
    throw error;
  }
}

async function writeAll(sql: Sql, write: BatchWrite, work: readonly TableWork[]): Promise<Outcome> {
  const { pipeline, partition } = write.checkpoint;
  const tables = [...new Set([...work.map((w) => w.target.mapping.id), ...write.parked.map((p) => p.table), ...write.reloads.keys()])];
  await lockTables(sql, { by: 'batch', partition }, pipeline, tables);
  const states = await readLockedStates(sql, pipeline, tables);
  const total: WriteCounts = { written: 0, deleted: 0 };
  const reread = new Map<string, readonly (readonly string[])[]>();
  // A table whose preload has not begun, or that was stopped: its events are counted and passed over (R4, R7).
  const active = work.filter((w) => { const state = states.get(w.target.mapping.id); return state === undefined || isActive(state); });
  if (!write.trial) await refuseOutdated(sql, pipeline, { active, states });
  for (const table of active) {
    const state = requireState(states, table.target.mapping.id);
    if (table.refused !== null) throw table.refused;
    const result = await writeTable(sql, write, table, state);
    if ('written' in result) {
      total.written += result.written;
      total.deleted += result.deleted;
    } else {
      reread.set(state.table, result.flatMap((index) => { const row = table.rows[index]; return row === undefined ? [] : [row.key]; }));
    }
  }
  if (reread.size > 0) throw new Abort({ kind: 'reread', keys: reread });
  await markToReload(sql, pipeline, new Map([...write.reloads].filter(([table]) => isActive(states.get(table)))));
  if (write.parked.length > 0) await park(sql, { pipeline, parked: write.parked, states, limit: write.parkLimit });
  if (write.trial) throw new Abort({ kind: 'tried' });
  await failpoint('batch:after-rows-before-checkpoint');
  const moved = await moveCheckpoint(sql, { from: write.checkpoint, next: write.next, highest: write.highest, events: write.events, counter: write.counter, committedAtUs: write.committedAtUs });
  if (!moved) throw new Abort({ kind: 'lost' });
  await failpoint('batch:before-commit');
  return { kind: 'moved', counts: total };
}

/** Decoded with mappings that are no longer those of their tables: `lost`, so that the stream begins again with those that are. */
async function refuseOutdated(sql: Sql, pipeline: string, of: { readonly active: readonly TableWork[]; readonly states: ReadonlyMap<string, LockedState> }): Promise<void> {
  const mappings = of.active.map((w) => w.target.mapping);
  if ((await outdatedTables(sql, pipeline, mappings)).length > 0) throw new Abort({ kind: 'lost' });
  const forgotten = mappings.filter((m) => !of.states.has(m.id)).map((m) => m.id);
  if (forgotten.length === 0) return;
  const mapped = await sql.query('SELECT 1 FROM elstream.pipeline_table WHERE pipeline = $1 AND table_id = ANY ($2::text[])', [pipeline, forgotten]);
  if (mapped.length === 0) throw new Abort({ kind: 'lost' });
}

async function writeTable(sql: Sql, write: BatchWrite, table: TableWork, locked: LockedState): Promise<WriteCounts | readonly number[]> {
  const { target, fold, rows } = table;
  const { pipeline } = write.checkpoint;
  const before = sabotagedEpoch(pipeline, locked);
  const derived = await deriveBatch(sql, target, { fold, reread: table.reread, state: before });
  await noteDueOfBatch(sql, pipeline, target, fold.changes);
  const state = { ...withTruncate(before, fold), derived };
  let deleted = 0;
  if (fold.truncate !== null && state.truncated !== null) {
    await liftStatementLimit(sql);
    deleted += await truncateTarget(sql, target, state.epoch, fold.truncate);
  }
  const result = rows.length === 0 ? { written: 0, deleted: 0 } : await (write.trial ? tryRows : writeRows)(sql, table, state);
  if (!('written' in result)) return result;
  await sql.execute(
    // what this batch did not change may have been changed by one of another partition since it was read
    `UPDATE elstream.table_state SET events_applied = events_applied + $3::int8, truncate_epoch = coalesce($4, truncate_epoch), truncate_position = coalesce($5, truncate_position),
            reread_until = greatest(reread_until, $6::text), mixed_epoch = CASE WHEN $7 THEN epoch ELSE mixed_epoch END, updated_at = now() WHERE pipeline = $1 AND table_id = $2`,
    [pipeline, target.mapping.id, fold.events, fold.truncate === null ? null : (state.truncated?.epoch ?? null), fold.truncate === null ? null : (state.truncated?.position.hex ?? null), table.reread?.readUntil.hex ?? null, derived?.mixed ?? false],
  );
  return { written: result.written, deleted: result.deleted + deleted };
}

async function writeRows(sql: Sql, table: TableWork, state: DerivedState): Promise<WriteCounts | readonly number[]> {
  const { target, rows, staged } = table;
  if (staged !== null) return applyStaged(sql, target, staged, state);
  try {
    return await applySmall(sql, target, rows, state);
  } catch (error) {
    throw await namingTheRow(error, target, rows, async (some) => {
      const runner = sql.runner.dataSource.createQueryRunner();
      try {
        await stageBatch(runner, target, some);
      } finally {
        await runner.release();
      }
    });
  }
}

/** A trial (R7): unknown columns that would have to be read again count as NULL, so that it needs no source. */
async function tryRows(sql: Sql, table: TableWork, state: DerivedState): Promise<WriteCounts | readonly number[]> {
  const { target, rows, staged } = table;
  if (staged === null) {
    const unresolved = await applySmall(sql, target, rows, state);
    if ('written' in unresolved) return unresolved;
    const asNull = rows.map((row, i) => (row.op === 'upsert' && unresolved.includes(i) ? { ...row, carryFrom: null, cells: row.cells.map((cell) => cell ?? null) } : row));
    return applySmall(sql, target, asNull, state);
  }
  const unresolved = await applyStaged(sql, target, staged, state);
  if ('written' in unresolved) return unresolved;
  // staged with NULL in their unknown columns
  await sql.execute(`UPDATE ${staged.sql} SET op = ${STAGED.upsert} WHERE ord = ANY ($1::int4[])`, [unresolved]);
  return applyStaged(sql, target, { ...staged, upserts: staged.upserts + unresolved.length }, state);
}

/** A truncate in the batch is remembered with the epoch it fell in (R6); a later one of the same epoch replaces an earlier. */
function withTruncate(state: LockedState, fold: FoldedTable): LockedState {
  if (fold.truncate === null) return state;
  const earlier = state.truncated;
  if (earlier !== null && earlier.epoch === state.epoch && fold.truncate.isBelow(earlier.position)) return state;
  return { ...state, truncated: { epoch: state.epoch, position: fold.truncate } };
}

function sabotagedEpoch(pipeline: string, state: LockedState): LockedState {
  if (ruleHolds('R5-epoch-in-transaction')) return state;
  const id = `${pipeline}\0${state.table}`;
  const epoch = staleEpochs.get(id) ?? state.epoch;
  staleEpochs.set(id, epoch);
  return { ...state, epoch };
}

/** A value the warehouse cannot hold: which row it is in, where that can be found. */
async function namingTheRow(thrown: unknown, target: Target, rows: readonly FoldedRow[], attempt: (rows: readonly FoldedRow[]) => Promise<void>): Promise<unknown> {
  const error = isDatabaseError(thrown) ? classifyPostgresError(thrown) : thrown;
  if (recoveryOf(error) !== 'park') return error;
  const culprit = await locateCulprit(rows, attempt);
  if (culprit === null) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new ElstreamError('ROW_NOT_WRITABLE', 'park', `${message}; the warehouse cannot hold this row: override the column's type in the pipeline file, or mend the row at the source`, {
    cause: error,
    place: { table: target.mapping.id, key: describeKey(target.mapping, culprit.key), position: culprit.position.toString() },
  });
}

import { describeKey, ElstreamError, failpoint, recoveryOf, ruleHolds, type Cell, type FoldedRow, type FoldedTable } from '@elstream/core';
import { classifyPostgresError, inRunnerTransaction, isDatabaseError, type EntityDataSource, type Sql } from '@elstream/database';
import type { BatchResult, BatchWrite, RereadRows } from '@elstream/warehouse';
import { applyStaged, truncateTarget, type WriteCounts } from './bulk-writes';
import { lockTables, moveCheckpoint, readLockedStates, requireState, type LockedState } from './control-state';
import { locateCulprit } from './culprit';
import { applySmall, isSmall } from './small-writes';
import { stageBatch, type StagedBatch } from './staging';
import type { Target } from './target';

/** One table's share of a batch, ready for the transaction. */
interface TableWork {
  readonly target: Target;
  readonly reread: RereadRows | undefined;
  readonly fold: FoldedTable;
  readonly rows: readonly FoldedRow[];
  /** Present where the rows go by set-based SQL. */
  readonly staged: StagedBatch | null;
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
      const rows = fillReread(target, fold.rows, reread);
      work.push({ target, reread, fold, rows, staged: isSmall(target, rows) ? null : await staged(runner, target, rows) });
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
          checkpoint: { ...write.checkpoint, next: write.next, highest: write.highest },
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

async function staged(runner: ReturnType<EntityDataSource['createQueryRunner']>, target: Target, rows: readonly FoldedRow[]): Promise<StagedBatch> {
  try {
    return await stageBatch(runner, target, rows);
  } catch (error) {
    throw await namingTheRow(error, target, rows, async (some) => {
      await stageBatch(runner, target, some);
    });
  }
}

async function writeAll(sql: Sql, write: BatchWrite, work: readonly TableWork[]): Promise<Outcome> {
  const { pipeline, partition } = write.checkpoint;
  const tables = work.map((w) => w.target.mapping.id);
  await lockTables(sql, 'exclusive', { pipeline, tables, partitions: [partition] });
  const states = await readLockedStates(sql, pipeline, tables);
  const total: WriteCounts = { written: 0, deleted: 0 };
  const reread = new Map<string, readonly (readonly string[])[]>();
  for (const table of work) {
    const state = requireState(states, table.target.mapping.id);
    // A table whose preload has not begun, or that was stopped: its events are counted and passed over (R4, R7).
    if (state.epoch === 0 || state.phase === 'new' || state.phase === 'stopped') continue;
    const result = await writeTable(sql, pipeline, table, state);
    if ('written' in result) {
      total.written += result.written;
      total.deleted += result.deleted;
    } else {
      reread.set(state.table, result.flatMap((index) => { const row = table.rows[index]; return row === undefined ? [] : [row.key]; }));
    }
  }
  if (reread.size > 0) throw new Abort({ kind: 'reread', keys: reread });
  await failpoint('batch:after-rows-before-checkpoint');
  const moved = await moveCheckpoint(sql, { from: write.checkpoint, next: write.next, highest: write.highest, events: write.events, counter: write.counter, committedAtUs: write.committedAtUs });
  if (!moved) throw new Abort({ kind: 'lost' });
  await failpoint('batch:before-commit');
  return { kind: 'moved', counts: total };
}

async function writeTable(sql: Sql, pipeline: string, table: TableWork, locked: LockedState): Promise<WriteCounts | readonly number[]> {
  const { target, fold, rows } = table;
  const state = withTruncate(sabotagedEpoch(pipeline, locked), fold);
  let deleted = 0;
  if (fold.truncate !== null && state.truncated !== null) deleted += await truncateTarget(sql, target, state.epoch, fold.truncate);
  const result = rows.length === 0 ? { written: 0, deleted: 0 } : await writeRows(sql, table, state);
  if (!('written' in result)) return result;
  await sql.execute(
    `UPDATE elstream.table_state SET events_applied = events_applied + $3::int8, truncate_epoch = $4, truncate_position = $5,
            reread_until = greatest(reread_until, $6::text), updated_at = now() WHERE pipeline = $1 AND table_id = $2`,
    [pipeline, target.mapping.id, fold.events, state.truncated?.epoch ?? null, state.truncated?.position.hex ?? null, table.reread?.readUntil.hex ?? null],
  );
  return { written: result.written, deleted: result.deleted + deleted };
}

async function writeRows(sql: Sql, table: TableWork, state: LockedState): Promise<WriteCounts | readonly number[]> {
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

/** Puts cells read again by key in the place of unknown ones; a key that was not found writes nothing (R6). */
function fillReread(target: Target, rows: readonly FoldedRow[], reread: RereadRows | undefined): readonly FoldedRow[] {
  if (reread === undefined) return rows;
  const id = (key: readonly (Cell | undefined)[]): string => JSON.stringify(key);
  const found = new Map(reread.rows.map((row) => [id(target.mapping.key.map((i) => row[i])), row]));
  const absent = new Set(reread.absent.map(id));
  return rows.flatMap((row) => {
    if (row.op === 'delete' || !row.cells.includes(undefined)) return [row];
    if (absent.has(id(row.key))) return [];
    const now = found.get(id(row.key));
    if (now === undefined) return [row];
    return [{ ...row, carryFrom: null, cells: row.cells.map((cell, i) => (cell === undefined ? (now[i] ?? null) : cell)) }];
  });
}

/** Until dead letters exist a permanent error stops the stream: it has to say which row it was. */
async function namingTheRow(thrown: unknown, target: Target, rows: readonly FoldedRow[], attempt: (rows: readonly FoldedRow[]) => Promise<void>): Promise<unknown> {
  const error = isDatabaseError(thrown) ? classifyPostgresError(thrown) : thrown;
  if (recoveryOf(error) !== 'stop') return error;
  const culprit = await locateCulprit(rows, attempt);
  if (culprit === null) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new ElstreamError('ROW_NOT_WRITABLE', 'stop', `${message}; the warehouse cannot hold this row: override the column's type in the pipeline file, or mend the row at the source`, {
    cause: error,
    place: { table: target.mapping.id, key: describeKey(target.mapping, culprit.key), position: culprit.position.toString() },
  });
}

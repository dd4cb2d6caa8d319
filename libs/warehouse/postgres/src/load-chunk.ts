import { failpoint, ruleHolds, type TaskClaim } from '@elstream/core';
import { classifyPostgresError, inRunnerTransaction, isDatabaseError, type EntityDataSource, type Sql } from '@elstream/database';
import type { ChunkResult, ChunkWrite } from '@elstream/warehouse';
import { fillFromChunk, type Fill } from './bulk-writes';
import { CarefulChunk } from './careful-chunk';
import { lockTables, readLockedStates, requireState } from './control-state';
import type { Parked } from './dead-letters';
import { Lost } from './lost';
import { stageChunk } from './staging';
import type { Target } from './target';

/**
 * R4: stages the chunk's rows, then in one transaction, shared against other merges and exclusive against batches,
 * fills the places the stream has not touched and finishes the task. Nothing is written unless task, attempt, run and
 * epoch are all still ours. With `write.park` rows that do not fit are parked in it; with too many of them the table is
 * stopped and the task fails, which the caller meets as `lost`.
 */
export async function loadChunk(dataSource: EntityDataSource, write: ChunkWrite, target: Target): Promise<ChunkResult> {
  const runner = dataSource.createQueryRunner();
  try {
    const staged = await stage(runner, write, target);
    await failpoint('chunk:staged');
    return await inRunnerTransaction(runner, async (sql) => merge(sql, write, target, staged));
  } catch (error) {
    if (error instanceof Lost) return { outcome: 'lost' };
    // Staging stands before the transaction, whose gate classifies its own errors.
    throw isDatabaseError(error) ? classifyPostgresError(error) : error;
  } finally {
    await runner.release();
  }
}

const NONE: Parked = { parked: 0, stopped: null };

/** A chunk as it waits to be merged. */
interface StagedChunk {
  readonly rows: number;
  /** Returns the rows written. */
  fill(sql: Sql, fill: Fill): Promise<number>;
  park(epoch: number): Promise<Parked>;
}

async function stage(runner: ReturnType<EntityDataSource['createQueryRunner']>, write: ChunkWrite, target: Target): Promise<StagedChunk> {
  if (write.park !== undefined) {
    const careful = await CarefulChunk.stage(runner, target, { rows: write.rows, limit: write.park.limit });
    return { rows: careful.rows, fill: async (_sql, fill) => careful.fill(fill), park: async (epoch) => careful.park(write.pipeline, epoch) };
  }
  const whole = await stageChunk(runner, target, write.rows);
  return { rows: whole.rows, fill: async (sql, fill) => (whole.rows === 0 ? 0 : fillFromChunk(sql, target, whole.sql, fill)), park: async () => Promise.resolve(NONE) };
}

async function merge(sql: Sql, write: ChunkWrite, target: Target, staged: StagedChunk): Promise<ChunkResult> {
  const { pipeline, claim } = write;
  const table = target.mapping.id;
  await lockTables(sql, { by: 'merge' }, pipeline, [table]);
  const state = requireState(await readLockedStates(sql, pipeline, [table]), table);
  const ours = state.epoch === claim.epoch && state.runId === claim.runId && state.phase === 'preloading';
  if (!ours && ruleHolds('R4-task-condition')) throw new Lost();
  const epoch = ruleHolds('R4-task-condition') ? state.epoch : (claim.epoch ?? state.epoch);
  // mayFill: after a truncate in this epoch no preload row fills; the rows inserted since come by the stream
  const truncated = state.truncated !== null && state.truncated.epoch >= epoch;
  const rowsFilled = truncated ? 0 : await staged.fill(sql, { epoch, added: write.added ?? [] });
  const { parked, stopped } = truncated ? NONE : await staged.park(epoch);
  await failpoint('chunk:before-commit');
  const ended = await endTask(sql, claim, stopped === null ? { state: 'done', rows: staged.rows, error: null } : { state: 'failed', rows: 0, error: stopped });
  if (!ended && ruleHolds('R4-task-condition')) throw new Lost();
  if (stopped !== null) return { outcome: 'lost' };
  await sql.execute('UPDATE elstream.table_state SET rows_preloaded = rows_preloaded + $3::int8, updated_at = now() WHERE pipeline = $1 AND table_id = $2', [pipeline, table, staged.rows]);
  return { outcome: 'done', rowsRead: staged.rows, rowsFilled, rowsParked: parked };
}

/** Ends the task with the chunk. `failed`: the table was stopped; the run says why and ends. */
async function endTask(sql: Sql, claim: TaskClaim, end: { readonly state: 'done' | 'failed'; readonly rows: number; readonly error: string | null }): Promise<boolean> {
  const ended = await sql.execute(
    `UPDATE elstream.task SET state = $7, "rows" = $5::int8, finished_at = now(), error = $8
      WHERE id = $1 AND (attempt = $2 OR $6) AND run_id = $3 AND epoch IS NOT DISTINCT FROM $4 AND state = 'running'`,
    [claim.taskId, claim.attempt, claim.runId, claim.epoch, end.rows, !ruleHolds('claim-attempt'), end.state, end.error],
  );
  return ended === 1;
}

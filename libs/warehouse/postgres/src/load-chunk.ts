import { failpoint, ruleHolds, type TaskClaim } from '@elstream/core';
import { classifyPostgresError, inRunnerTransaction, isDatabaseError, type EntityDataSource, type Sql } from '@elstream/database';
import type { ChunkResult, ChunkWrite } from '@elstream/warehouse';
import { fillFromChunk } from './bulk-writes';
import { lockTables, readLockedStates, readPartitions, requireState } from './control-state';
import { stageChunk } from './staging';
import type { Target } from './target';

/** The task is no longer ours: everything rolls back. */
class Lost extends Error {}

/**
 * R4: stages the chunk's rows, then in one transaction, shared against other merges and exclusive against batches,
 * fills the places the stream has not touched and finishes the task. Nothing is written unless task, attempt, run and
 * epoch are all still ours.
 */
export async function loadChunk(dataSource: EntityDataSource, write: ChunkWrite, target: Target): Promise<ChunkResult> {
  const runner = dataSource.createQueryRunner();
  try {
    const stage = await stageChunk(runner, target, write.rows);
    await failpoint('chunk:staged');
    const rowsFilled = await inRunnerTransaction(runner, async (sql) => merge(sql, write, target, stage));
    return { outcome: 'done', rowsRead: stage.rows, rowsFilled, rowsParked: 0 };
  } catch (error) {
    if (error instanceof Lost) return { outcome: 'lost' };
    // Staging stands before the transaction, whose gate classifies its own errors.
    throw isDatabaseError(error) ? classifyPostgresError(error) : error;
  } finally {
    await runner.release();
  }
}

async function merge(sql: Sql, write: ChunkWrite, target: Target, stage: { sql: string; rows: number }): Promise<number> {
  const { pipeline, claim } = write;
  const table = target.mapping.id;
  await lockTables(sql, 'shared', { pipeline, tables: [table], partitions: await readPartitions(sql, pipeline) });
  const state = requireState(await readLockedStates(sql, pipeline, [table]), table);
  const ours = state.epoch === claim.epoch && state.runId === claim.runId && state.phase === 'preloading';
  if (!ours && ruleHolds('R4-task-condition')) throw new Lost();
  const epoch = ruleHolds('R4-task-condition') ? state.epoch : (claim.epoch ?? state.epoch);
  // mayFill: after a truncate in this epoch no preload row fills; the rows inserted since come by the stream
  const truncated = state.truncated !== null && state.truncated.epoch >= epoch;
  const filled = truncated || stage.rows === 0 ? 0 : await fillFromChunk(sql, target, stage.sql, { epoch, added: write.added ?? [] });
  await failpoint('chunk:before-commit');
  if (!(await finishTask(sql, claim, stage.rows)) && ruleHolds('R4-task-condition')) throw new Lost();
  await sql.execute('UPDATE elstream.table_state SET rows_preloaded = rows_preloaded + $3::int8, updated_at = now() WHERE pipeline = $1 AND table_id = $2', [pipeline, table, stage.rows]);
  return filled;
}

async function finishTask(sql: Sql, claim: TaskClaim, rows: number): Promise<boolean> {
  const done = await sql.execute(
    `UPDATE elstream.task SET state = 'done', "rows" = $5::int8, finished_at = now(), error = NULL
      WHERE id = $1 AND (attempt = $2 OR $6) AND run_id = $3 AND epoch IS NOT DISTINCT FROM $4 AND state = 'running'`,
    [claim.taskId, claim.attempt, claim.runId, claim.epoch, rows, !ruleHolds('claim-attempt')],
  );
  return done === 1;
}

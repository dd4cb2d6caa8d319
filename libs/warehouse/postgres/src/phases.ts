import { ElstreamError, LogPosition, ruleHolds, type TaskClaim } from '@elstream/core';
import { classifyPostgresError, inRunnerTransaction, inTransaction, onDatabase, type EntityDataSource, type Sql } from '@elstream/database';
import { hasCheckpoint, lockTables, readLockedStates, requireState } from './control-state';
import { discardOlder } from './dead-letters';
import { archiveSwept } from './history/overfilled';
import { clearGapMark, clearStale } from './evolution/stale';
import { Lost } from './lost';
import { liftStatementLimit } from './statement-limit';
import { EPOCH_COLUMN, type Target } from './target';

/** R4 (0): raises the epoch under exclusion of every batch and merge of the table. Idempotent per run. */
export async function beginPreload(dataSource: EntityDataSource, pipeline: string, target: Target, runId: string): Promise<number> {
  const table = target.mapping.id;
  return inTransaction(dataSource, async (sql) => {
    // First of all locks, as everywhere: the run cannot end, and the next begin, until the epoch is raised.
    const [run] = await sql.query<{ active: boolean }>(`SELECT state IN ('pending', 'running') AS active FROM elstream.run WHERE id = $1 FOR SHARE`, [runId]);
    if (run?.active !== true) throw new ElstreamError('RUN_ENDED', 'lost', 'the run has ended; its table belongs to the next one', { place: { pipeline, table } });
    if (!(await hasCheckpoint(sql, pipeline))) {
      throw new ElstreamError('NO_CHECKPOINT', 'stop', 'capture is not confirmed running: the pipeline has no checkpoint yet, so a preload cannot begin (R4)', { place: { pipeline, table } });
    }
    await lockTables(sql, { by: 'switch' }, pipeline, [table]);
    const state = requireState(await readLockedStates(sql, pipeline, [table]), table);
    if (state.runId === runId && state.phase !== 'new' && state.phase !== 'stopped') return state.epoch;
    const epoch = state.epoch + 1;
    await sql.execute(
      `UPDATE elstream.table_state SET epoch = $3, phase = 'preloading', run_id = $4, truncate_epoch = NULL, truncate_position = NULL,
              live_at = NULL, reread_until = NULL, rows_preloaded = 0, error = NULL, updated_at = now() WHERE pipeline = $1 AND table_id = $2`,
      [pipeline, table, epoch, runId],
    );
    // markers of older epochs compare below everything written now; open uses go by (epoch, position) and see the raise
    await sql.execute(`DELETE FROM ${target.markerSql} WHERE ${EPOCH_COLUMN} < $1`, [epoch]);
    await discardOlder(sql, pipeline, table, epoch);
    await clearStale(sql, pipeline, target.mapping);
    return epoch;
  });
}

/**
 * R4: closes the preload. The sweep's predicate is evaluated here, under exclusion of batches and merges. It takes the
 * time that the table's size asks for. The claim is looked at before and decided after it: its row locked all the while
 * could not be renewed, and would hold the planner up that looks for abandoned ones.
 */
export async function finishPreload(
  dataSource: EntityDataSource,
  pipeline: string,
  target: Target,
  claim: TaskClaim,
): Promise<{ readonly outcome: 'done' | 'lost'; readonly rowsSwept: number }> {
  const runner = dataSource.createQueryRunner();
  try {
    return await inRunnerTransaction(runner, async (sql) => closePreload(sql, pipeline, target, claim));
  } catch (error) {
    if (error instanceof Lost) return { outcome: 'lost', rowsSwept: 0 };
    throw classifyPostgresError(error);
  } finally {
    await runner.release();
  }
}

async function closePreload(sql: Sql, pipeline: string, target: Target, claim: TaskClaim): Promise<{ readonly outcome: 'done' | 'lost'; readonly rowsSwept: number }> {
  const table = target.mapping.id;
  await lockTables(sql, { by: 'switch' }, pipeline, [table]);
  const state = requireState(await readLockedStates(sql, pipeline, [table]), table);
  if (state.epoch !== claim.epoch || state.runId !== claim.runId || !(await holdsClaim(sql, claim, 'look'))) return { outcome: 'lost', rowsSwept: 0 };
  if (state.phase === 'catching-up' || state.phase === 'live') return { outcome: 'done', rowsSwept: 0 };
  if (state.phase !== 'preloading') return { outcome: 'lost', rowsSwept: 0 };
  const [open] = await sql.query<{ n: string }>(
    `SELECT count(*)::text AS n FROM elstream.task WHERE run_id = $1 AND table_id = $2 AND kind = 'preload-chunk' AND state <> 'done'`,
    [claim.runId, table],
  );
  if (open?.n !== '0') return { outcome: 'lost', rowsSwept: 0 };
  await liftStatementLimit(sql);
  await archiveSwept(sql, target, state.epoch);
  const rowsSwept = await sql.execute(`DELETE FROM ${target.sql} WHERE ${EPOCH_COLUMN} < $1`, [state.epoch]);
  if (state.openUses === 0) await sql.execute(`DELETE FROM ${target.markerSql}`);
  await sql.execute(`UPDATE elstream.table_state SET phase = 'catching-up', live_at = NULL, updated_at = now() WHERE pipeline = $1 AND table_id = $2`, [pipeline, table]);
  await clearGapMark(sql, pipeline, table);
  if (!(await holdsClaim(sql, claim, 'hold'))) throw new Lost();
  return { outcome: 'done', rowsSwept };
}

/** `hold`: it cannot be taken over between this look and the commit. */
async function holdsClaim(sql: Sql, claim: TaskClaim, how: 'look' | 'hold'): Promise<boolean> {
  const rows = await sql.query(`SELECT 1 FROM elstream.task WHERE id = $1 AND (attempt = $2 OR $4) AND run_id = $3 AND state = 'running'${how === 'hold' ? ' FOR UPDATE' : ''}`, [claim.taskId, claim.attempt, claim.runId, !ruleHolds('claim-attempt')]);
  return rows.length === 1;
}

export async function setLiveAt(dataSource: EntityDataSource, at: { pipeline: string; table: string; epoch: number; position: LogPosition }): Promise<void> {
  await onDatabase(dataSource, async (sql) => {
    await sql.execute(
      `UPDATE elstream.table_state SET live_at = $4, updated_at = now() WHERE pipeline = $1 AND table_id = $2 AND epoch = $3 AND phase = 'catching-up' AND live_at IS NULL`,
      [at.pipeline, at.table, at.epoch, at.position.hex],
    );
  });
}

/** `catching-up → live`, conditional on the very H that was judged. */
export async function promoteLive(dataSource: EntityDataSource, pipeline: string, passed: (liveAt: LogPosition) => boolean): Promise<string[]> {
  return onDatabase(dataSource, async (sql) => {
    const waiting = await sql.query<{ table_id: string; live_at: string; epoch: number }>(
      `SELECT table_id, live_at, epoch FROM elstream.table_state WHERE pipeline = $1 AND phase = 'catching-up' AND live_at IS NOT NULL ORDER BY table_id`,
      [pipeline],
    );
    const promoted: string[] = [];
    for (const row of waiting) {
      if (!passed(LogPosition.parse(row.live_at))) continue;
      const done = await sql.execute(
        `UPDATE elstream.table_state SET phase = 'live', updated_at = now() WHERE pipeline = $1 AND table_id = $2 AND phase = 'catching-up' AND epoch = $3 AND live_at = $4`,
        [pipeline, row.table_id, row.epoch, row.live_at],
      );
      if (done === 1) promoted.push(row.table_id);
    }
    return promoted;
  });
}

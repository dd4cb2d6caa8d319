import { ElstreamError, LogPosition, ruleHolds, type TaskClaim } from '@elstream/core';
import { t, type Mssql, type MssqlParams } from '@elstream/database';
import { readState, stateVariables } from './control-state';
import { UNLIMITED } from './ddl-batch';
import { discardOlder } from './dead-letters';
import { archiveSwept } from './history/overfilled';
import { commit, leave, runTransaction, serverTransaction } from './server-transaction';
import { clearGapMark, clearStale } from './stale-marks';
import { EPOCH_COLUMN, type Target } from './target';

/**
 * R4 (0): raises the epoch under exclusion of every batch and merge of the table. First of all locks, as everywhere, the
 * run's: it cannot end, and the next begin, until the epoch is raised. Parameters: `@pipeline`, `@table`, `@run`, `@columns`
 * (names of the mapping's columns, JSON).
 */
export function beginPreloadSql(pipeline: string, target: Target, lockMs: number): string {
  return serverTransaction({
    lockMs,
    pipeline,
    exclusion: { by: 'switch' },
    tables: [target.mapping.id],
    declare: stateVariables(0, ['epoch', 'phase', 'run']),
    first: `IF NOT EXISTS (SELECT 1 FROM elstream.run WITH (REPEATABLEREAD) WHERE id = @run AND state IN (N'pending', N'running'))
${leave('run-ended')}
IF NOT EXISTS (SELECT 1 FROM elstream.[checkpoint] WHERE pipeline = @pipeline)
${leave('no-checkpoint')}`,
    body: `${readState(0, '@table', ['epoch', 'phase', 'run'])}
IF @epoch0 IS NULL
${leave('not-prepared')}
IF @run0 = @run AND @phase0 NOT IN (N'new', N'stopped')
${leave('raised', '@epoch0 AS epoch')}
SET @epoch0 = @epoch0 + 1;
DELETE m FROM ${target.markerSql} AS m WITH (TABLOCKX) WHERE m.${EPOCH_COLUMN} < @epoch0;
${discardOlder('@table', '@epoch0')}
UPDATE elstream.table_state SET epoch = @epoch0, phase = N'preloading', run_id = @run, truncate_epoch = NULL, truncate_position = NULL,
       live_at = NULL, reread_until = NULL, rows_preloaded = 0, error = NULL, updated_at = @now WHERE pipeline = @pipeline AND table_id = @table;
${clearStale('@table', '@columns')}
${commit('raised', '@epoch0 AS epoch')}`,
  });
}

/** Idempotent per run. */
export async function beginPreload(db: Mssql, pipeline: string, target: Target, runId: string): Promise<number> {
  const table = target.mapping.id;
  const { outcome, row } = await runTransaction(db, beginPreloadSql(pipeline, target, db.lockMs), { ...ofTable(pipeline, table), run: t.uuid(runId), columns: t.json(target.mapping.columns.map((c) => c.source)) });
  switch (outcome) {
    case 'raised':
      return Number(row['epoch']);
    case 'run-ended':
      throw new ElstreamError('RUN_ENDED', 'lost', 'the run has ended; its table belongs to the next one', { place: { pipeline, table } });
    case 'no-checkpoint':
      throw new ElstreamError('NO_CHECKPOINT', 'stop', 'capture is not confirmed running: the pipeline has no checkpoint yet, so a preload cannot begin (R4)', { place: { pipeline, table } });
    default:
      throw notPrepared(table);
  }
}

export function notPrepared(table: string): ElstreamError {
  return new ElstreamError('TABLE_NOT_PREPARED', 'stop', 'the table has no state in elstream.table_state; start a run to prepare it', { place: { table } });
}

/**
 * R4: closes the preload. The sweep's predicate is evaluated here, under exclusion of batches and merges; it takes one lock of
 * the table instead of very many of rows. The claim is looked at before and held after it, as of then it cannot be taken over
 * until the commit: its row locked all the while could not be renewed, and would hold up the planner's look for abandoned ones.
 * Parameters: `@pipeline`, `@table`, and the claim's (`claimParams`).
 */
export function finishPreloadSql(pipeline: string, target: Target, lockMs: number): string {
  return serverTransaction({
    lockMs,
    pipeline,
    exclusion: { by: 'switch' },
    tables: [target.mapping.id],
    declare: `${stateVariables(0, ['epoch', 'phase', 'run', 'uses'])} DECLARE @swept bigint = 0;`,
    body: `${readState(0, '@table', ['epoch', 'phase', 'run', 'uses'])}
IF @epoch0 IS NULL
${leave('not-prepared')}
IF @claimEpoch IS NULL OR @epoch0 <> @claimEpoch OR @run0 IS NULL OR @run0 <> @claimRun
   OR NOT ${holdsClaim('')}
${leave('lost')}
IF @phase0 IN (N'catching-up', N'live')
${leave('done', '@swept AS swept')}
IF @phase0 <> N'preloading' OR EXISTS (SELECT 1 FROM elstream.task WHERE run_id = @claimRun AND table_id = @table AND kind = N'preload-chunk' AND state <> N'done')
${leave('lost')}
IF EXISTS (SELECT 1 FROM ${target.sql} WHERE ${EPOCH_COLUMN} < @epoch0)
BEGIN
${lines(archiveSwept(target, '@epoch0'))}  DELETE t FROM ${target.sql} AS t WITH (TABLOCKX) WHERE t.${EPOCH_COLUMN} < @epoch0;
  SET @swept = @@ROWCOUNT;
END;
IF @uses0 = 0 DELETE m FROM ${target.markerSql} AS m WITH (TABLOCKX);
UPDATE elstream.table_state SET phase = N'catching-up', live_at = NULL, updated_at = @now WHERE pipeline = @pipeline AND table_id = @table;
${clearGapMark('@table')}
IF NOT ${holdsClaim(' WITH (UPDLOCK)')}
${leave('lost')}
${commit('done', '@swept AS swept')}`,
  });
}

const holdsClaim = (hint: '' | ' WITH (UPDLOCK)'): string => `EXISTS (SELECT 1 FROM elstream.task${hint} WHERE id = @task AND ${claimCondition()} AND run_id = @claimRun AND state = N'running')`;

const lines = (statement: string): string => (statement === '' ? '' : `${statement}\n`);

/** `task` is the claim's attempt's, or (sabotage) anybody's. */
export function claimCondition(): string {
  return ruleHolds('claim-attempt') ? 'attempt = @attempt' : '@attempt IS NOT NULL';
}

export function claimParams(claim: TaskClaim): MssqlParams {
  return { task: t.uuid(claim.taskId), attempt: t.int(claim.attempt), claimRun: t.uuid(claim.runId), claimEpoch: t.int(claim.epoch) };
}

/** Reads the whole table, however large: broken off, the preload would never end. */
export async function finishPreload(db: Mssql, pipeline: string, target: Target, claim: TaskClaim): Promise<{ readonly outcome: 'done' | 'lost'; readonly rowsSwept: number }> {
  const table = target.mapping.id;
  const { outcome, row } = await runTransaction(db, finishPreloadSql(pipeline, target, db.lockMs), { ...ofTable(pipeline, table), ...claimParams(claim) }, UNLIMITED);
  if (outcome === 'not-prepared') throw notPrepared(table);
  return outcome === 'done' ? { outcome, rowsSwept: Number(row['swept']) } : { outcome: 'lost', rowsSwept: 0 };
}

/** Before a statement that stands alone: locks are waited for as long as in a transaction, and rows counted whatever the server does by default. */
const alone = (lockMs: number): string => `SET NOCOUNT OFF; SET LOCK_TIMEOUT ${String(lockMs)};`;

export const setLiveAtSql = (lockMs: number): string => `${alone(lockMs)}
UPDATE elstream.table_state SET live_at = @position, updated_at = SYSUTCDATETIME()
 WHERE pipeline = @pipeline AND table_id = @table AND epoch = @epoch AND phase = N'catching-up' AND live_at IS NULL;`;

export async function setLiveAt(db: Mssql, at: { pipeline: string; table: string; epoch: number; position: LogPosition }): Promise<void> {
  await db.execute(setLiveAtSql(db.lockMs), { ...ofTable(at.pipeline, at.table), epoch: t.int(at.epoch), position: t.nvarchar(at.position.hex, 128) });
}

export const waitingSql = `SELECT s.table_id, s.live_at, s.epoch FROM elstream.table_state AS s WHERE s.pipeline = @pipeline AND s.phase = N'catching-up' AND s.live_at IS NOT NULL ORDER BY s.table_id;`;
export const promoteSql = (lockMs: number): string => `${alone(lockMs)}
UPDATE elstream.table_state SET phase = N'live', updated_at = SYSUTCDATETIME()
 WHERE pipeline = @pipeline AND table_id = @table AND phase = N'catching-up' AND epoch = @epoch AND live_at = @liveAt;`;

/** `catching-up → live`, conditional on the very H that was judged. */
export async function promoteLive(db: Mssql, pipeline: string, passed: (liveAt: LogPosition) => boolean): Promise<string[]> {
  const waiting = await db.rows<{ table_id: string; live_at: string; epoch: number }>(waitingSql, { pipeline: t.nvarchar(pipeline, 100) });
  const promoted: string[] = [];
  for (const row of waiting) {
    if (!passed(LogPosition.parse(row.live_at))) continue;
    const done = await db.execute(promoteSql(db.lockMs), { ...ofTable(pipeline, row.table_id), epoch: t.int(row.epoch), liveAt: t.nvarchar(row.live_at, 128) });
    if (done === 1) promoted.push(row.table_id);
  }
  return promoted;
}

function ofTable(pipeline: string, table: string): MssqlParams {
  return { pipeline: t.nvarchar(pipeline, 100), table: t.nvarchar(table, 300) };
}

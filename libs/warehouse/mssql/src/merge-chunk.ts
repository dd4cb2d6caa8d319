import { ruleHolds } from '@elstream/core';
import { fillFromChunk } from './bulk-writes';
import { readState, stateVariables } from './control-state';
import { parkStaged, stopAboveLimit } from './dead-letters';
import { claimCondition } from './phases';
import { commitAs, leave, serverTransaction } from './server-transaction';
import type { Target } from './target';

/** What the statement of a merge depends on. */
export interface MergePlan {
  readonly pipeline: string;
  readonly target: Target;
  readonly lockMs: number;
  readonly fills: boolean;
  readonly parks: boolean;
  /** Rows `@from0` to `@to0` (excluded) are filled, and all is rolled back: to find the row that a constraint refuses. */
  readonly trial: boolean;
  readonly added: readonly string[];
}

const NAMES = ['epoch', 'phase', 'run', 'truncated'] as const;

/**
 * One batch from BEGIN to COMMIT. Outcomes: `done` (`filled`, `parked`), `lost`, `stopped`, `not-prepared`, `tried`.
 * Parameters: `@pipeline`, `@table`, `@rows`, `@limit` where it parks, the claim's (`claimParams`); of a trial `@from0`,
 * `@to0` and `@trial`, which is 1.
 */
export function mergeChunkSql(plan: MergePlan): string {
  const { target, trial } = plan;
  const holds = ruleHolds('R4-task-condition');
  const range = trial ? 's.ord >= @from0 AND s.ord < @to0' : 's.ord >= 0';
  return serverTransaction({
    lockMs: plan.lockMs,
    pipeline: plan.pipeline,
    exclusion: { by: 'merge' },
    tables: [target.mapping.id],
    declare: `${stateVariables(0, NAMES)} DECLARE @fill int, @filled bigint = 0, @parked bigint = 0, @stopped nvarchar(max);`,
    body: [
      readState(0, '@table', NAMES),
      `IF @epoch0 IS NULL\n${leave('not-prepared')}`,
      ...(holds ? [`IF @claimEpoch IS NULL OR @epoch0 <> @claimEpoch OR @run0 IS NULL OR @run0 <> @claimRun OR @phase0 <> N'preloading'\n${leave('lost')}`] : []),
      holds ? 'SET @fill = @epoch0;' : 'SET @fill = COALESCE(@claimEpoch, @epoch0);',
      // mayFill: after a truncate in this epoch no preload row fills; the rows inserted since come by the stream
      'IF @truncated0 IS NULL',
      'BEGIN',
      ...(plan.fills ? fillFromChunk(target, '@fill', range, plan.added) : ['  SET @filled = 0;']),
      ...(plan.parks && !trial ? [parkStaged, stopAboveLimit, "SELECT @stopped = s.error FROM elstream.table_state AS s WHERE s.pipeline = @pipeline AND s.table_id = @table AND s.phase = N'stopped';"] : []),
      'END;',
      ...(trial ? [`IF @trial = 1\n${leave('tried')}`] : []),
      ...ending(holds),
    ].join('\n'),
  });
}

/** Ends the task with the chunk. `failed`: the table was stopped; the run says why and ends. */
function ending(holds: boolean): string[] {
  return [
    `UPDATE elstream.task SET state = CASE WHEN @stopped IS NULL THEN N'done' ELSE N'failed' END, [rows] = CASE WHEN @stopped IS NULL THEN @rows ELSE 0 END, finished_at = @now, error = @stopped
 WHERE id = @task AND ${claimCondition()} AND run_id = @claimRun AND (epoch = @claimEpoch OR (epoch IS NULL AND @claimEpoch IS NULL)) AND state = N'running';`,
    ...(holds ? [`IF @@ROWCOUNT <> 1\n${leave('lost')}`] : []),
    `IF @stopped IS NULL UPDATE elstream.table_state SET rows_preloaded = rows_preloaded + @rows, updated_at = @now WHERE pipeline = @pipeline AND table_id = @table;`,
    commitAs("CASE WHEN @stopped IS NULL THEN N'done' ELSE N'stopped' END", '@filled AS filled, @parked AS parked'),
  ];
}

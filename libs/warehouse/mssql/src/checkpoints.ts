import { ElstreamError, type Checkpoint, type StreamOffset } from '@elstream/core';
import { t, type Mssql } from '@elstream/database';
import { checkpointOf, GAP_PREFIX, type CheckpointLine, type GapDeclaration } from '@elstream/warehouse';
import { commit, leave, runTransaction, serverTransaction } from './server-transaction';

/** Checkpoints as they come, go and are moved other than by a batch. */

export const createCheckpointSql = `SET NOCOUNT ON;
INSERT INTO elstream.[checkpoint] (pipeline, [partition], generation, next_offset)
SELECT @pipeline, @partition, 1, @next
 WHERE NOT EXISTS (SELECT 1 FROM elstream.[checkpoint] WITH (UPDLOCK, HOLDLOCK) WHERE pipeline = @pipeline AND [partition] = @partition);
SELECT [partition], generation, next_offset, highest, CONVERT(nvarchar(20), counter) AS counter, CONVERT(nvarchar(20), committed_at_us) AS committed_at_us FROM elstream.[checkpoint] WHERE pipeline = @pipeline AND [partition] = @partition;`;

export async function createCheckpoint(db: Mssql, pipeline: string, partition: string, next: StreamOffset): Promise<Checkpoint> {
  const [standing] = await db.rows<CheckpointLine>(createCheckpointSql, { pipeline: t.nvarchar(pipeline, 100), partition: t.nvarchar(partition, 262), next: t.nvarchar(next.hex, 128) });
  if (standing === undefined) throw new ElstreamError('NO_CHECKPOINT', 'retry', 'the checkpoint vanished while it was created', { place: { pipeline } });
  return checkpointOf(pipeline, standing);
}

export const dropCheckpointsSql = `DELETE FROM elstream.[checkpoint] WHERE pipeline = @pipeline AND [partition] IN (SELECT j.[value] COLLATE Latin1_General_100_BIN2 FROM OPENJSON(@partitions) AS j);`;

export async function dropCheckpoints(db: Mssql, pipeline: string, partitions: readonly string[]): Promise<void> {
  if (partitions.length === 0) return;
  await db.execute(dropCheckpointsSql, { pipeline: t.nvarchar(pipeline, 100), partitions: t.json(partitions) });
}

/**
 * R3: a checkpoint never moves forward without the epochs being raised, so all of it happens here, together. Who found the
 * gap may have slept meanwhile, and another have answered it: moving the checkpoint then would make a gap. Parameters:
 * `@pipeline`, `@moves` (JSON of partition, next offset, generation and next offset it stands at or nulls), `@tables` (JSON),
 * `@reason`, `@marked`.
 */
export function declareGapSql(pipeline: string, tables: readonly string[], lockMs: number): string {
  return serverTransaction({
    lockMs,
    pipeline,
    exclusion: { by: 'switch' },
    tables,
    declare: `DECLARE @move TABLE ([partition] nvarchar(262) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY, next_offset nvarchar(128) NOT NULL, generation int NULL, from_offset nvarchar(128) COLLATE Latin1_General_100_BIN2 NULL);
INSERT INTO @move ([partition], next_offset, generation, from_offset)
SELECT j.[partition], j.next_offset, j.generation, j.from_offset FROM OPENJSON(@moves) WITH ([partition] nvarchar(262) '$[0]', next_offset nvarchar(128) '$[1]', generation int '$[2]', from_offset nvarchar(128) '$[3]') AS j;
DECLARE @moved nvarchar(262);`,
    body: `SELECT TOP (1) @moved = v.[partition] FROM @move AS v
 WHERE v.generation IS NOT NULL AND NOT EXISTS (SELECT 1 FROM elstream.[checkpoint] AS c WITH (UPDLOCK, HOLDLOCK) WHERE c.pipeline = @pipeline AND c.[partition] = v.[partition] AND c.generation = v.generation AND c.next_offset = v.from_offset)
 ORDER BY v.[partition];
IF @moved IS NOT NULL
${leave('moved', '@moved AS [partition]')}
UPDATE c SET generation = c.generation + 1, next_offset = v.next_offset, highest = NULL, counter = NULL, applied_at = @now
  FROM elstream.[checkpoint] AS c JOIN @move AS v ON v.[partition] = c.[partition] WHERE c.pipeline = @pipeline;
INSERT INTO elstream.[checkpoint] (pipeline, [partition], generation, next_offset)
SELECT @pipeline, v.[partition], 1, v.next_offset FROM @move AS v WHERE NOT EXISTS (SELECT 1 FROM elstream.[checkpoint] AS c WITH (UPDLOCK, HOLDLOCK) WHERE c.pipeline = @pipeline AND c.[partition] = v.[partition]);
UPDATE elstream.table_state SET epoch = epoch + 1, phase = N'new', run_id = NULL, live_at = NULL, reread_until = NULL, truncate_epoch = NULL, truncate_position = NULL,
       error = @reason, stale = CASE WHEN @marked = 1 THEN @reason ELSE stale END, updated_at = @now
 WHERE pipeline = @pipeline AND table_id IN (SELECT j.[value] COLLATE Latin1_General_100_BIN2 FROM OPENJSON(@tables) AS j);
${commit('declared')}`,
  });
}

export async function declareGap(db: Mssql, gap: GapDeclaration): Promise<void> {
  const { pipeline, tables } = gap;
  const { outcome, row } = await runTransaction(db, declareGapSql(pipeline, tables, db.lockMs), {
    pipeline: t.nvarchar(pipeline, 100),
    moves: t.json(gap.moves.map(({ partition, next, from }) => [partition, next.hex, from?.generation ?? null, from?.next.hex ?? null])),
    tables: t.json(tables),
    reason: t.nvarchar(`${GAP_PREFIX}${gap.reason}`),
    marked: t.bit(gap.marked),
  });
  if (outcome === 'moved') throw new ElstreamError('CHECKPOINT_MOVED', 'retry', `the checkpoint of partition ${String(row['partition'])} was moved while a log gap was to be declared; looked at again`, { place: { pipeline } });
}

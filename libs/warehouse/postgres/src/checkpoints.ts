import { ElstreamError, type Checkpoint, type StreamOffset } from '@elstream/core';
import { inTransaction, onDatabase, type EntityDataSource, type Sql } from '@elstream/database';
import { GAP_PREFIX, type CheckpointMove, type GapDeclaration } from '@elstream/warehouse';
import { lockTables, readCheckpoint } from './control-state';

/** Checkpoints as they come, go and are moved other than by a batch. */

export async function createCheckpoint(dataSource: EntityDataSource, pipeline: string, partition: string, next: StreamOffset): Promise<Checkpoint> {
  return inTransaction(dataSource, async (sql) => {
    await sql.execute(`INSERT INTO elstream.checkpoint (pipeline, "partition", generation, next_offset) VALUES ($1, $2, 1, $3) ON CONFLICT DO NOTHING`, [pipeline, partition, next.hex]);
    const standing = await readCheckpoint(sql, pipeline, partition);
    if (standing === null) throw new ElstreamError('NO_CHECKPOINT', 'retry', 'the checkpoint vanished while it was created', { place: { pipeline } });
    return standing;
  });
}

export async function dropCheckpoints(dataSource: EntityDataSource, pipeline: string, partitions: readonly string[]): Promise<void> {
  if (partitions.length === 0) return;
  await onDatabase(dataSource, async (sql) => {
    await sql.execute('DELETE FROM elstream.checkpoint WHERE pipeline = $1 AND "partition" = ANY ($2::text[])', [pipeline, [...partitions]]);
  });
}

/** R3: a checkpoint never moves forward without the epochs being raised, so all of it happens here, together. */
export async function declareGap(dataSource: EntityDataSource, gap: GapDeclaration): Promise<void> {
  const { pipeline, tables } = gap;
  // in the order of their names, so that two declarations cannot wait for each other
  const moves = [...gap.moves].sort((a, b) => (a.partition < b.partition ? -1 : 1));
  await inTransaction(dataSource, async (sql) => {
    await lockTables(sql, { by: 'switch' }, pipeline, tables);
    for (const move of moves) await moveOver(sql, pipeline, move);
    await sql.execute(
      `UPDATE elstream.table_state SET epoch = epoch + 1, phase = 'new', run_id = NULL, live_at = NULL, reread_until = NULL, truncate_epoch = NULL, truncate_position = NULL,
              error = $3, stale = CASE WHEN $4 THEN $3 ELSE stale END, updated_at = now()
        WHERE pipeline = $1 AND table_id = ANY ($2::text[])`,
      [pipeline, [...tables], `${GAP_PREFIX}${gap.reason}`, gap.marked],
    );
  });
}

async function moveOver(sql: Sql, pipeline: string, { partition, from, next }: CheckpointMove): Promise<void> {
  if (from !== undefined) await requireStanding(sql, from);
  await sql.execute(
    `INSERT INTO elstream.checkpoint (pipeline, "partition", generation, next_offset) VALUES ($1, $2, 1, $3)
     ON CONFLICT (pipeline, "partition") DO UPDATE SET generation = checkpoint.generation + 1, next_offset = EXCLUDED.next_offset, highest = NULL, counter = NULL, applied_at = now()`,
    [pipeline, partition, next.hex],
  );
}

/** Who found the gap may have slept meanwhile, and another have answered it: moving the checkpoint then would make a gap. */
async function requireStanding(sql: Sql, from: Checkpoint): Promise<void> {
  const rows = await sql.query('SELECT 1 FROM elstream.checkpoint WHERE pipeline = $1 AND "partition" = $2 AND generation = $3 AND next_offset = $4 FOR UPDATE', [from.pipeline, from.partition, from.generation, from.next.hex]);
  if (rows.length === 0) throw new ElstreamError('CHECKPOINT_MOVED', 'retry', `the checkpoint of partition ${from.partition} was moved while a log gap was to be declared; looked at again`, { place: { pipeline: from.pipeline } });
}

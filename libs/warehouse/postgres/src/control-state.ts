import { createHash } from 'node:crypto';
import { ElstreamError, partitionLane, ruleHolds, type Checkpoint, type LogPosition, type StreamOffset } from '@elstream/core';
import { DEFAULT_TIMEOUTS, type Sql } from '@elstream/database';
import { checkpointOf, lockedStateOf, tableStateOf, type CheckpointLine, type LockedState, type StateRow, type TableState } from '@elstream/warehouse';

/**
 * Lanes of a table's lock. A fixed number, whatever partitions there are: whoever takes all lanes excludes the batches of
 * partitions too whose checkpoint it cannot see yet. Partitions of one lane wait for each other, nothing else.
 */
const LANES = 16;
/** Above this many tables, one lock of the whole pipeline is taken instead of all lanes of each: the server's lock table is finite. */
const LANES_OF_TABLES = 32;
/** In the place of a lane: the lock of the whole pipeline. */
const WHOLE = -1;

/**
 * While a server has rows for a client that reads none, no timeout of statements applies either. A process that is stopped
 * there must not keep its locks (R2), so its connection ends after as long as others wait for them.
 */
const UNREAD = `${String(DEFAULT_TIMEOUTS.lockMs)}ms`;

/** Who excludes whom on a table (R4). */
export type Exclusion =
  /** Takes its partition's lane exclusively. */
  | { readonly by: 'batch'; readonly partition: string }
  /** Takes all lanes, shared: excludes batches, not other merges. */
  | { readonly by: 'merge' }
  /** Takes all lanes exclusively: a switch of epoch, a repair, DDL. */
  | { readonly by: 'switch' };

/**
 * Exclusion of batches and merges on tables (R4): transaction-scoped advisory locks, one per (table, lane), after the
 * pipeline's own, which all take shared but a switch of very many tables. Once per transaction, always in sorted order,
 * so that two holders cannot wait for each other.
 */
export async function lockTables(sql: Sql, exclusion: Exclusion, pipeline: string, tables: readonly string[]): Promise<void> {
  if (!ruleHolds('R4-exclusion') || tables.length === 0) return;
  const whole = exclusion.by === 'switch' && tables.length > LANES_OF_TABLES;
  const lanes = exclusion.by === 'batch' ? [partitionLane(exclusion.partition) % LANES] : Array.from({ length: LANES }, (_, lane) => lane);
  await sql.query(
    `SELECT pg_catalog.set_config('tcp_user_timeout', $6, true), CASE WHEN l.shared THEN pg_advisory_xact_lock_shared(l.k, l.lane) ELSE pg_advisory_xact_lock(l.k, l.lane) END
       FROM (SELECT $1::int4 AS k, ${String(WHOLE)} AS lane, NOT $2::bool AS shared, 0 AS ord
             UNION ALL SELECT k, lane, $3::bool, 1 FROM unnest($4::int4[]) AS k, unnest($5::int4[]) AS lane ORDER BY ord, k, lane) AS l`,
    [lockKey(pipeline), whole, exclusion.by === 'merge', whole ? [] : tables.map((table) => lockKey(pipeline, table)), lanes, UNREAD],
  );
}

function lockKey(...of: readonly string[]): number {
  return createHash('sha256').update(['elstream', ...of].join('\0'), 'utf8').digest().readInt32BE(0);
}

/** False before capture is confirmed running: then no partition has a checkpoint. */
export async function hasCheckpoint(sql: Sql, pipeline: string): Promise<boolean> {
  return (await sql.query('SELECT FROM elstream.checkpoint WHERE pipeline = $1 LIMIT 1', [pipeline])).length > 0;
}

/** Of `elstream.table_state AS s`. A use (R5) is an open validation or repair, or a dead letter that is parked. */
const stateColumns = (): string => `table_id, epoch, phase, run_id::text AS run_id, truncate_epoch, truncate_position, live_at, reread_until, mixed_epoch, rows_preloaded::text AS rows_preloaded, events_applied::text AS events_applied, stale, error,
  (${ruleHolds('R9-markers') ? 'EXISTS (SELECT FROM elstream.open_use u WHERE u.pipeline = s.pipeline AND u.table_id = s.table_id)' : 'false'}
   OR EXISTS (SELECT FROM elstream.dead_letter d WHERE d.pipeline = s.pipeline AND d.table_id = s.table_id AND d.state = 'parked')) AS open_uses`;

async function readStateRows(sql: Sql, pipeline: string, tables: readonly string[] | null): Promise<StateRow[]> {
  return sql.query<StateRow>(
    `SELECT ${stateColumns()} FROM elstream.table_state AS s WHERE pipeline = $1 AND ($2::text[] IS NULL OR table_id = ANY ($2::text[])) ORDER BY table_id`,
    [pipeline, tables === null ? null : [...tables]],
  );
}

/** Reads states in the writing transaction, after the locks: never from a cache (R5). */
export async function readLockedStates(sql: Sql, pipeline: string, tables: readonly string[]): Promise<Map<string, LockedState>> {
  const rows = await readStateRows(sql, pipeline, tables);
  return new Map(rows.map((row) => [row.table_id, lockedStateOf(row)]));
}

export async function readTableStates(sql: Sql, pipeline: string): Promise<TableState[]> {
  return (await readStateRows(sql, pipeline, null)).map(tableStateOf);
}

export async function readCheckpoint(sql: Sql, pipeline: string, partition: string): Promise<Checkpoint | null> {
  return (await readCheckpointRows(sql, pipeline, partition))[0] ?? null;
}

/** In one statement, hence of one moment. */
export async function readCheckpoints(sql: Sql, pipeline: string): Promise<Checkpoint[]> {
  return readCheckpointRows(sql, pipeline, null);
}

async function readCheckpointRows(sql: Sql, pipeline: string, partition: string | null): Promise<Checkpoint[]> {
  const rows = await sql.query<CheckpointLine>(
    `SELECT "partition", generation, next_offset, highest, counter::text AS counter, committed_at_us::text AS committed_at_us FROM elstream.checkpoint
      WHERE pipeline = $1 AND ($2::text IS NULL OR "partition" = $2) ORDER BY length("partition"), "partition"`,
    [pipeline, partition],
  );
  return rows.map((row) => checkpointOf(pipeline, row));
}

/** What a batch adds to its checkpoint. */
export interface BatchMove {
  readonly from: Checkpoint;
  readonly next: StreamOffset;
  readonly highest: LogPosition | null;
  readonly events: number;
  readonly counter: bigint | null;
  readonly committedAtUs: bigint | null;
}

/** R2: moves the checkpoint only if it still stands exactly where the batch was taken from. False: another process moved it. */
export async function moveCheckpoint(sql: Sql, move: BatchMove): Promise<boolean> {
  const { from } = move;
  const condition = ruleHolds('R2-checkpoint-condition') ? 'AND generation = $3 AND next_offset = $4 AND highest IS NOT DISTINCT FROM $5' : 'AND $3::int4 IS NOT NULL AND $4::text IS NOT NULL AND ($5::text IS NULL OR true)';
  const moved = await sql.execute(
    `UPDATE elstream.checkpoint SET next_offset = $6, highest = $7, events_applied = events_applied + $8::int8,
            counter = coalesce($9::int8, counter), committed_at_us = greatest(committed_at_us, $10::int8), applied_at = now()
      WHERE pipeline = $1 AND "partition" = $2 ${condition}`,
    [from.pipeline, from.partition, from.generation, from.next.hex, from.highest?.hex ?? null, move.next.hex, move.highest?.hex ?? null, move.events, move.counter?.toString() ?? null, move.committedAtUs?.toString() ?? null],
  );
  return moved === 1;
}

/** A state that must exist. */
export function requireState(states: ReadonlyMap<string, LockedState>, table: string): LockedState {
  const state = states.get(table);
  if (state === undefined) {
    throw new ElstreamError('TABLE_NOT_PREPARED', 'stop', 'the table has no state in elstream.table_state; start a run to prepare it', { place: { table } });
  }
  return state;
}

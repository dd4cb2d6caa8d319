import { createHash } from 'node:crypto';
import { ElstreamError, LogPosition, partitionLane, ruleHolds, StreamOffset, type Checkpoint, type TruncateMemory } from '@elstream/core';
import type { Sql } from '@elstream/database';
import type { TableState } from '@elstream/warehouse';

/** A table's state as a writing transaction reads it. */
export interface LockedState {
  readonly table: string;
  readonly epoch: number;
  readonly phase: TableState['phase'];
  readonly runId: string | null;
  readonly openUses: number;
  readonly truncated: TruncateMemory;
  readonly rereadUntil: LogPosition | null;
  /** `DerivedHistory.mixed` was told of a batch of this epoch. */
  readonly mixed: boolean;
}

/**
 * Lanes of a table's lock. A fixed number, whatever partitions there are: whoever takes all lanes excludes the batches of
 * partitions too whose checkpoint it cannot see yet. Partitions of one lane wait for each other, nothing else.
 */
const LANES = 16;
/** Above this many tables, one lock of the whole pipeline is taken instead of all lanes of each: the server's lock table is finite. */
const LANES_OF_TABLES = 32;
/** In the place of a lane: the lock of the whole pipeline. */
const WHOLE = -1;

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
    `SELECT CASE WHEN l.shared THEN pg_advisory_xact_lock_shared(l.k, l.lane) ELSE pg_advisory_xact_lock(l.k, l.lane) END
       FROM (SELECT $1::int4 AS k, ${String(WHOLE)} AS lane, NOT $2::bool AS shared, 0 AS ord
             UNION ALL SELECT k, lane, $3::bool, 1 FROM unnest($4::int4[]) AS k, unnest($5::int4[]) AS lane ORDER BY ord, k, lane) AS l`,
    [lockKey(pipeline), whole, exclusion.by === 'merge', whole ? [] : tables.map((table) => lockKey(pipeline, table)), lanes],
  );
}

function lockKey(...of: readonly string[]): number {
  return createHash('sha256').update(['elstream', ...of].join('\0'), 'utf8').digest().readInt32BE(0);
}

/** False before capture is confirmed running: then no partition has a checkpoint. */
export async function hasCheckpoint(sql: Sql, pipeline: string): Promise<boolean> {
  return (await sql.query('SELECT FROM elstream.checkpoint WHERE pipeline = $1 LIMIT 1', [pipeline])).length > 0;
}

interface StateRow {
  table_id: string;
  epoch: number;
  phase: TableState['phase'];
  run_id: string | null;
  truncate_epoch: number | null;
  truncate_position: string | null;
  live_at: string | null;
  reread_until: string | null;
  mixed_epoch: number | null;
  rows_preloaded: string;
  events_applied: string;
  open_uses: boolean;
  stale: string | null;
  error: string | null;
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
  return new Map(
    rows.map((row) => [
      row.table_id,
      {
        table: row.table_id,
        epoch: row.epoch,
        phase: row.phase,
        runId: row.run_id,
        openUses: row.open_uses ? 1 : 0,
        truncated: row.truncate_epoch === null ? null : { epoch: row.truncate_epoch, position: LogPosition.parse(row.truncate_position ?? '') },
        rereadUntil: row.reread_until === null ? null : LogPosition.parse(row.reread_until),
        mixed: row.mixed_epoch === row.epoch,
      },
    ]),
  );
}

export async function readTableStates(sql: Sql, pipeline: string): Promise<TableState[]> {
  return (await readStateRows(sql, pipeline, null)).map((row) => ({
    table: row.table_id,
    epoch: row.epoch,
    phase: row.phase,
    runId: row.run_id,
    liveAt: row.live_at === null ? null : LogPosition.parse(row.live_at),
    rowsPreloaded: Number(row.rows_preloaded),
    eventsApplied: Number(row.events_applied),
    error: row.error,
    stale: row.stale,
  }));
}

export async function readCheckpoint(sql: Sql, pipeline: string, partition: string): Promise<Checkpoint | null> {
  return (await readCheckpointRows(sql, pipeline, partition))[0] ?? null;
}

/** In one statement, hence of one moment. */
export async function readCheckpoints(sql: Sql, pipeline: string): Promise<Checkpoint[]> {
  return readCheckpointRows(sql, pipeline, null);
}

async function readCheckpointRows(sql: Sql, pipeline: string, partition: string | null): Promise<Checkpoint[]> {
  const rows = await sql.query<{ partition: string; generation: number; next_offset: string; highest: string | null; counter: string | null }>(
    `SELECT "partition", generation, next_offset, highest, counter::text AS counter FROM elstream.checkpoint
      WHERE pipeline = $1 AND ($2::text IS NULL OR "partition" = $2) ORDER BY length("partition"), "partition"`,
    [pipeline, partition],
  );
  return rows.map((row) => ({
    pipeline,
    partition: row.partition,
    generation: row.generation,
    next: StreamOffset.parse(row.next_offset),
    highest: row.highest === null ? null : LogPosition.parse(row.highest),
    counter: row.counter === null ? null : BigInt(row.counter),
  }));
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

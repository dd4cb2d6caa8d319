import { createHash } from 'node:crypto';
import { ElstreamError, LogPosition, ruleHolds, StreamOffset, type Checkpoint, type TruncateMemory } from '@elstream/core';
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

/** What is locked: every listed table in every listed partition. */
export interface LockedTables {
  readonly pipeline: string;
  readonly tables: readonly string[];
  readonly partitions: readonly number[];
}

/**
 * Exclusion of batches and merges on a table (R4): transaction-scoped advisory locks, one per (table, partition).
 * A batch takes its own partition exclusively, a merge all partitions shared, a switch of epoch all exclusively.
 * Always in sorted order, so that two holders cannot wait for each other.
 */
export async function lockTables(sql: Sql, mode: 'exclusive' | 'shared', locked: LockedTables): Promise<void> {
  const { pipeline, tables, partitions } = locked;
  if (!ruleHolds('R4-exclusion') || tables.length === 0) return;
  const fn = mode === 'exclusive' ? 'pg_advisory_xact_lock' : 'pg_advisory_xact_lock_shared';
  const keys = tables.map((table) => lockKey(pipeline, table));
  await sql.query(
    `SELECT ${fn}(l.k, l.p) FROM (SELECT k, p FROM unnest($1::int4[]) AS k, unnest($2::int4[]) AS p ORDER BY k, p) AS l`,
    [keys, [...partitions]],
  );
}

function lockKey(pipeline: string, table: string): number {
  return createHash('sha256').update(`elstream\0${pipeline}\0${table}`, 'utf8').digest().readInt32BE(0);
}

/** The pipeline's partitions: those that have a checkpoint. */
export async function readPartitions(sql: Sql, pipeline: string): Promise<number[]> {
  const rows = await sql.query<{ partition: number }>('SELECT "partition" FROM elstream.checkpoint WHERE pipeline = $1 ORDER BY 1', [pipeline]);
  return rows.map((r) => r.partition);
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

export async function readCheckpoint(sql: Sql, pipeline: string, partition: number): Promise<Checkpoint | null> {
  const [row] = await sql.query<{ generation: number; next_offset: string; highest: string | null }>(
    'SELECT generation, next_offset, highest FROM elstream.checkpoint WHERE pipeline = $1 AND "partition" = $2',
    [pipeline, partition],
  );
  if (row === undefined) return null;
  return {
    pipeline,
    partition,
    generation: row.generation,
    next: StreamOffset.parse(row.next_offset),
    highest: row.highest === null ? null : LogPosition.parse(row.highest),
  };
}

/** What a batch adds to its checkpoint. */
export interface CheckpointMove {
  readonly from: Checkpoint;
  readonly next: StreamOffset;
  readonly highest: LogPosition | null;
  readonly events: number;
  readonly counter: bigint | null;
  readonly committedAtUs: bigint | null;
}

/** R2: moves the checkpoint only if it still stands exactly where the batch was taken from. False: another process moved it. */
export async function moveCheckpoint(sql: Sql, move: CheckpointMove): Promise<boolean> {
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

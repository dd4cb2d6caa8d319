import { LogPosition, StreamOffset, type Checkpoint, type TruncateMemory } from '@elstream/core';
import type { BatchWrite, TableState } from './warehouse';

/** A row of `elstream.table_state`, numbers that may be large as text. */
export interface StateRow {
  readonly table_id: string;
  readonly epoch: number;
  readonly phase: TableState['phase'];
  readonly run_id: string | null;
  readonly truncate_epoch: number | null;
  readonly truncate_position: string | null;
  readonly live_at: string | null;
  readonly reread_until: string | null;
  readonly mixed_epoch: number | null;
  readonly rows_preloaded: string;
  readonly events_applied: string;
  /** Of a use (R5): an open validation or repair, or a dead letter that is parked. */
  readonly open_uses: boolean | number;
  readonly stale: string | null;
  readonly error: string | null;
}

/** A table's state as decisions about events see it. */
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

export function truncateOf(row: Pick<StateRow, 'truncate_epoch' | 'truncate_position'>): TruncateMemory {
  return row.truncate_epoch === null ? null : { epoch: row.truncate_epoch, position: LogPosition.parse(row.truncate_position ?? '') };
}

export function lockedStateOf(row: StateRow): LockedState {
  return {
    table: row.table_id,
    epoch: row.epoch,
    phase: row.phase,
    runId: row.run_id,
    openUses: Number(row.open_uses),
    truncated: truncateOf(row),
    rereadUntil: positionOf(row.reread_until),
    mixed: row.mixed_epoch === row.epoch,
  };
}

export function tableStateOf(row: StateRow): TableState {
  return {
    table: row.table_id,
    epoch: row.epoch,
    phase: row.phase,
    runId: row.run_id,
    liveAt: positionOf(row.live_at),
    rowsPreloaded: Number(row.rows_preloaded),
    eventsApplied: Number(row.events_applied),
    error: row.error,
    stale: row.stale,
  };
}

/** A row of `elstream.checkpoint`. */
export interface CheckpointLine {
  readonly partition: string;
  readonly generation: number;
  readonly next_offset: string;
  readonly highest: string | null;
  readonly counter: string | null;
  readonly committed_at_us: string | null;
}

export function checkpointOf(pipeline: string, row: CheckpointLine): Checkpoint {
  return {
    pipeline,
    partition: row.partition,
    generation: row.generation,
    next: StreamOffset.parse(row.next_offset),
    highest: positionOf(row.highest),
    counter: row.counter === null ? null : BigInt(row.counter),
    ...(row.committed_at_us === null ? {} : { committedAtUs: BigInt(row.committed_at_us) }),
  };
}

/** As a batch leaves it. */
export function movedCheckpoint({ checkpoint, next, highest, counter, committedAtUs }: BatchWrite): Checkpoint {
  const before = checkpoint.committedAtUs ?? null;
  const latest = before === null || (committedAtUs !== null && committedAtUs > before) ? committedAtUs : before;
  return { ...checkpoint, next, highest, counter: counter ?? checkpoint.counter, ...(latest === null ? {} : { committedAtUs: latest }) };
}

function positionOf(hex: string | null): LogPosition | null {
  return hex === null ? null : LogPosition.parse(hex);
}

import type { LogPosition, StreamOffset } from './position';

/** Where a partition's reader stands; kept in the warehouse and moved only with the rows it describes (R2). */
export interface Checkpoint {
  readonly pipeline: string;
  /** Kafka: `<topic>-<number>`; the one log of a direct stream: `DIRECT_PARTITION`. */
  readonly partition: string;
  /** Raised by a reset, a log gap or a re-created topic; a process with an older one has lost the partition. */
  readonly generation: number;
  readonly next: StreamOffset;
  /** Highest commit position applied in this generation; null after a reset or gap (R3). */
  readonly highest: LogPosition | null;
  /** The last counter number applied in this generation (R3 a); null: none. */
  readonly counter: bigint | null;
  /** No event applied up to `next` committed later, in this generation or before; absent: none was applied. */
  readonly committedAtUs?: bigint;
}

/** The one partition of a direct stream. */
export const DIRECT_PARTITION = '0';

/**
 * The lane in which batches of a partition exclude merges (R4): its number within the topic. Few lanes, however many
 * topics: a merge takes them all.
 */
export function partitionLane(partition: string): number {
  return Number(/(\d{1,9})$/.exec(partition)?.[1] ?? 0);
}

/**
 * R4: a direct stream has *passed* `position` when every transaction that committed below it is applied: the next
 * offset is at it with no part of a transaction pending, or above it.
 */
export function hasPassedDirect(next: StreamOffset, position: LogPosition): boolean {
  const at = next.splitDirect();
  const order = at.position.compare(position);
  return order > 0 || (order === 0 && at.index === 0);
}

/** The right to finish one task once: a write conditional on all four is worthless to a stalled duplicate (R4). */
export interface TaskClaim {
  readonly taskId: string;
  readonly attempt: number;
  readonly runId: string;
  /** The table's epoch the task works for; null for tasks that have none. */
  readonly epoch: number | null;
}

/** The identity of a source's log: when it changes, positions mean nothing any more (R3c). */
export interface SourceIdentity {
  /** PostgreSQL: system identifier; SQL Server: family guid of the database. */
  readonly system: string;
  /** PostgreSQL: timeline; SQL Server: recovery fork guid. */
  readonly fork: string;
}

/** A range of keys, half-open: `from` included, `to` excluded; null is unbounded. Cells in key order. */
export interface KeyRange {
  readonly from: readonly string[] | null;
  readonly to: readonly string[] | null;
}

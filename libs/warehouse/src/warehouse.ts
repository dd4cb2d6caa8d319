import type { BucketChecksum, BucketChoice, Cell, Checkpoint, FoldedTable, KeyDigest, KeyRange, LogPosition, ParkedEvent, StreamOffset, TableMapping, TaskClaim } from '@elstream/core';
import type { EvolvingWarehouse } from './evolution';
import type { HistoryWarehouse } from './history';
import type { RepairableWarehouse } from './repair';

/** One batch, ready to be applied. */
export interface BatchWrite {
  /** The checkpoint the batch was taken from: the transaction aborts unless it still stands exactly so (R2). */
  readonly checkpoint: Checkpoint;
  readonly next: StreamOffset;
  readonly highest: LogPosition | null;
  readonly tables: readonly { readonly mapping: TableMapping; readonly fold: FoldedTable }[];
  /** Events in the batch, re-emissions not counted; added to the partition's counter in the same transaction. */
  readonly events: number;
  /** Commit time of the newest event, for lag; microseconds. Null: the batch has none. */
  readonly committedAtUs: bigint | null;
  /** Counter value carried by the batch, if any (R3a). */
  readonly counter: bigint | null;
  /** Rows read again by key for an earlier answer `reread`, by table id; a key that found nothing is in `absent`. */
  readonly reread: ReadonlyMap<string, RereadRows>;
  /**
   * Goes to dead letters in the same transaction, unless its table is not active (new or stopped). A table with more than
   * `parkLimit` parked for one code is stopped in that transaction (R7); `CAPTURE_RESUMED` stops none.
   */
  readonly parked: readonly ParkedEvent[];
  readonly parkLimit: number;
  /** Table id → why it is to be preloaded again: noted in the same transaction (`TableState.stale`), unless the table is not active. */
  readonly reloads: ReadonlyMap<string, string>;
  /**
   * Bisection (R7): everything is done and then rolled back. Unknown columns that would have to be read again count as
   * NULL; the checkpoint's condition does not count.
   */
  readonly trial: boolean;
}

export interface RereadRows {
  readonly rows: readonly Cell[][];
  readonly absent: readonly (readonly string[])[];
  /** Commit position at or above which, after the last of these reads, the rows are what the events say they are (`StreamMark.bound`). */
  readonly readUntil: LogPosition;
}

export type BatchResult =
  | { readonly outcome: 'applied'; readonly checkpoint: Checkpoint; readonly rowsWritten: number; readonly rowsDeleted: number }
  /** A trial went through. */
  | { readonly outcome: 'tried' }
  /** Another process moved the checkpoint; nothing was written. */
  | { readonly outcome: 'lost' }
  /** Unknown columns of rows that are not of the current epoch: read these keys after R4's wait and call again. Nothing was written. */
  | { readonly outcome: 'reread'; readonly keys: ReadonlyMap<string, readonly (readonly string[])[]> };

/** One chunk, ready to be merged by R4. */
export interface ChunkWrite {
  readonly pipeline: string;
  readonly mapping: TableMapping;
  readonly claim: TaskClaim;
  /** Row codec, cells in mapping order. */
  readonly rows: AsyncIterable<Uint8Array>;
  /**
   * R7: rows are staged and filled in small pieces, each under a savepoint; what the warehouse cannot take is narrowed
   * down to the row and parked in the same transaction. Slower: for a chunk that has failed with `park`.
   */
  readonly park?: { readonly limit: number };
  /** Target columns the standing rows never had: history does not count a row as changed for them. */
  readonly added?: readonly string[];
}

export type ChunkResult =
  | { readonly outcome: 'done'; readonly rowsRead: number; readonly rowsFilled: number; readonly rowsParked: number }
  /** Task, attempt, run or epoch is no longer ours; nothing was written. */
  | { readonly outcome: 'lost' };

/** State of a table of a pipeline, as kept in the warehouse. */
export interface TableState {
  readonly table: string;
  readonly epoch: number;
  readonly phase: 'new' | 'preloading' | 'catching-up' | 'live' | 'stopped';
  readonly runId: string | null;
  /** H (R4): the table is live when the stream has passed it. */
  readonly liveAt: LogPosition | null;
  readonly rowsPreloaded: number;
  readonly eventsApplied: number;
  readonly error: string | null;
  /** Why it is to be preloaded again, e.g. columns were added since the last time: rows that stand lack their values. Null: it is whole. */
  readonly stale: string | null;
}

/** `TableState.stale` of tables that lost events of one partition begins so. */
export const GAP_PREFIX = 'log gap: ';

export interface CheckpointMove {
  readonly partition: string;
  /** The checkpoint the gap was found with: unless it still stands exactly so, nothing is done (`CHECKPOINT_MOVED`, retry). Absent: whatever stands. */
  readonly from?: Checkpoint;
  /** First offset from which the log is whole and of the new identity. */
  readonly next: StreamOffset;
}

export interface GapDeclaration {
  readonly pipeline: string;
  /** All of them in one transaction. */
  readonly moves: readonly CheckpointMove[];
  readonly tables: readonly string[];
  /** True: the tables are marked (`TableState.stale`, `GAP_PREFIX`), so that a run of their own preloads them. False: the caller's run does. */
  readonly marked: boolean;
  readonly reason: string;
}

/**
 * The database written to. All decisions are made from rows read in the writing transaction; transactions carry
 * statement, lock and idle timeouts (R2). A table here has no foreign key, unique constraint but its key, or trigger (R6).
 */
export interface Warehouse extends RepairableWarehouse, HistoryWarehouse, EvolvingWarehouse {
  /** Everything wrong with server, login and settings, as sentences with remedies; empty: fine. */
  check(): Promise<readonly string[]>;
  /**
   * What stands in the way of these tables in the warehouse: a table with other columns or types, foreign keys, unique
   * constraints, triggers. Sentences with remedies; empty: fine. Changes nothing.
   */
  checkTables(mappings: readonly TableMapping[]): Promise<readonly string[]>;
  /** Creates schemas, tables and marker tables that do not exist. Idempotent; refuses what `checkTables` reports. */
  prepareTables(pipeline: string, mappings: readonly TableMapping[]): Promise<void>;

  /** The checkpoint, or null before the first `createCheckpoint`. */
  readCheckpoint(pipeline: string, partition: string): Promise<Checkpoint | null>;
  /** All of the pipeline, of one moment. */
  readCheckpoints(pipeline: string): Promise<readonly Checkpoint[]>;
  /** Creates the checkpoint at `next` unless one exists; returns the one that stands. */
  createCheckpoint(pipeline: string, partition: string, next: StreamOffset): Promise<Checkpoint>;
  applyBatch(write: BatchWrite): Promise<BatchResult>;
  /** Forgets checkpoints of partitions that are no more, as of a table that left the pipeline: its topic may come back as another. */
  dropCheckpoints(pipeline: string, partitions: readonly string[]): Promise<void>;
  /**
   * R3: one transaction moves the checkpoints to where the log is whole, clears highest and counter, raises generation and
   * the epoch of the tables concerned, which return to phase `new`.
   */
  declareGap(gap: GapDeclaration): Promise<void>;

  readTableStates(pipeline: string): Promise<readonly TableState[]>;
  /**
   * R4 (0): raises the table's epoch for `runId`, in a transaction that excludes every batch and merge of the table;
   * markers and truncate memory of older epochs go. Idempotent per run: returns the run's epoch if already raised. Throws
   * `RUN_ENDED` (lost) for a run that has ended: a worker that was asleep must not take the table from the next run.
   */
  beginPreload(pipeline: string, mapping: TableMapping, runId: string): Promise<number>;
  /** R4: stages the rows, then merges them together with the task's `running → done`. */
  loadChunk(write: ChunkWrite): Promise<ChunkResult>;
  /**
   * R4: one transaction closes the preload of `epoch`, deletes rows of older epochs and drops the markers no open use
   * needs. The caller reads H after this and calls `setLiveAt`. `lost` if epoch or run is no longer the table's.
   */
  finishPreload(pipeline: string, mapping: TableMapping, claim: TaskClaim): Promise<{ readonly outcome: 'done' | 'lost'; readonly rowsSwept: number }>;
  /** Notes H; phase becomes `catching-up`. Ignored unless run and epoch are still the table's. */
  setLiveAt(pipeline: string, table: string, epoch: number, position: LogPosition): Promise<void>;
  /** `catching-up → live` for tables whose H the checkpoint has passed. Returns the tables that became live. */
  promoteLive(pipeline: string, passed: (liveAt: LogPosition) => boolean): Promise<readonly string[]>;

  /** Ranges of the warehouse's own keys, like SourceDatabase.planChunks; for comparing in the other direction. */
  planChunks(mapping: TableMapping, signal: AbortSignal): AsyncIterable<KeyRange>;
  /** Keys standing in a range, in key order. */
  readKeys(mapping: TableMapping, range: KeyRange): Promise<readonly string[][]>;
  /** Rows for these keys with their versions; absent keys are missing from the answer. */
  readByKeys(mapping: TableMapping, keys: readonly (readonly string[])[]): Promise<readonly { readonly row: Cell[]; readonly epoch: number; readonly position: LogPosition | null }[]>;
  /**
   * Like SourceDatabase.checksums, equal for equal rows. A column masked to NULL is read as it stands: a clear value in it
   * is a difference.
   */
  checksums(mapping: TableMapping, range: KeyRange, buckets: number, signal: AbortSignal): Promise<readonly BucketChecksum[]>;
  /** Like SourceDatabase.digests. */
  digests(mapping: TableMapping, range: KeyRange, buckets: BucketChoice, signal: AbortSignal): Promise<readonly KeyDigest[]>;
  /** Rows in the target; exact. */
  countRows(mapping: TableMapping): Promise<number>;
  close(): Promise<void>;
}

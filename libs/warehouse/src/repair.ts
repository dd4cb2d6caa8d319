import type { Cell, LogPosition, Standing, TableMapping, TruncateMemory } from '@elstream/core';
import type { TableState } from './warehouse';

/** Who needs the memory of deletes (R5): a run that validates or repairs. Dead letters that are parked need it by themselves. */
export interface TableUse {
  readonly pipeline: string;
  readonly mapping: TableMapping;
  readonly runId: string;
}

/** What stands at some keys, read at one moment: rows, markers, epoch and truncate belong together. */
export interface StandingRows {
  readonly epoch: number;
  /** The table's last: a truncate leaves no marker where nothing stood. */
  readonly truncated: TruncateMemory;
  readonly phase: TableState['phase'];
  /** One per key asked for, in that order. */
  readonly at: readonly { readonly standing: Standing; readonly row: readonly Cell[] | null }[];
}

export interface RepairEntry {
  readonly key: readonly string[];
  /** As `readStanding` gave it. */
  readonly expect: Standing;
  /** The source's row, masks applied; null: it has none. */
  readonly row: readonly Cell[] | null;
  /** A replay: the dead letter it settles, together with the write. */
  readonly settles?: string;
}

/** R9: written only where epoch, row and marker are still as read, and the table was not truncated since. */
export interface RepairWrite {
  readonly pipeline: string;
  readonly mapping: TableMapping;
  /**
   * The run whose use the repair rests on. Once that is closed deletes leave no markers, and a key where nothing stood may
   * be one that came and went: a worker that was asleep meanwhile must not write. Absent: the caller holds the use open.
   */
  readonly runId?: string;
  /** As `readStanding` gave them. */
  readonly epoch: number;
  readonly truncated: TruncateMemory;
  readonly entries: readonly RepairEntry[];
  /** Commit position up to which, after its rows were read, they may be newer than the events that still come (R6, history; `StreamMark.bound`). */
  readonly readUntil: LogPosition;
}

export type RepairOutcome =
  /** The row was inserted or replaced. */
  | 'written'
  /** The source has no such row: it was taken away. */
  | 'deleted'
  /** Both sides were equal, or both had none. */
  | 'unchanged'
  /** Epoch, row, marker or truncate are no longer as read: somebody else writes there. */
  | 'moved';

/** R8 and R9: what validation and repair ask of a warehouse. */
export interface RepairableWarehouse {
  /**
   * Registers a use of the table, in a transaction that excludes every batch and merge of it: from then on deletes leave
   * markers (R5). Idempotent. Throws `TABLE_NOT_PREPARED` (stop).
   */
  openUse(use: TableUse): Promise<void>;
  /** Ends it; markers that nothing needs any more go. Idempotent. */
  closeUse(use: TableUse): Promise<void>;
  /** Uses whose run has ended (or is gone): left by a process that died. */
  staleUses(pipeline: string): Promise<readonly { readonly table: string; readonly runId: string }[]>;
  readStanding(mapping: TableMapping, keys: readonly (readonly string[])[]): Promise<StandingRows>;
  /**
   * One transaction that excludes batches and fills of the table. Per entry, in their order; a value the warehouse cannot
   * hold throws (`park`) and nothing is written: the caller tries the entries singly. Throws `TASK_LOST` (lost) when the
   * use of `runId` was closed.
   */
  repairRows(write: RepairWrite): Promise<readonly RepairOutcome[]>;
  /** Keys of rows (and markers) written by the stream above `since`, at most `limit` and one more. For validation of what has changed. */
  changedKeys(mapping: TableMapping, since: LogPosition, limit: number): Promise<readonly (readonly string[])[]>;
}

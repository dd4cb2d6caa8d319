import type { RunLane, ValidationRecord } from '@elstream/control';
import type { HistoryMapping } from '@elstream/core';
import type { TableState } from '@elstream/warehouse';

/** What the newest validation of a table that was finished came to. */
export type LastValidation = Pick<ValidationRecord, 'runId' | 'scope' | 'rowsCompared' | 'differences' | 'unverified' | 'finishedAt'>;

/** How a table of a pipeline stands. */
export interface TableOverview {
  readonly table: string;
  readonly target: string;
  readonly phase: TableState['phase'];
  readonly epoch: number;
  readonly rowsPreloaded: number;
  readonly eventsApplied: number;
  readonly error: string | null;
  /** Why it is preloaded again, e.g. columns were added that the rows that stand have no values of yet; null: it is whole. */
  readonly stale: string | null;
  /** Null: superseded versions are not kept. */
  readonly history: HistoryMapping['kind'] | null;
  /** Dead letters that are parked. */
  readonly parked: number;
  readonly lastValidation: LastValidation | null;
}

/** How a pipeline stands; lag is computed when asked (DESIGN.md, Words). */
export interface PipelineOverview {
  readonly name: string;
  readonly paused: boolean;
  readonly streamError: string | null;
  readonly gapReason: string | null;
  /** Milliseconds; null before anything was applied. */
  readonly lagMs: number | null;
  readonly eventsApplied: number;
  /** Bytes of log the source retains for us; null where unknown. */
  readonly retainedBytes: number | null;
  /** Events in the log that are not applied yet; null where unknown. */
  readonly eventsBehind: bigint | null;
  /** What keeps capture at the source from running, with the remedy; null: nothing. */
  readonly captureTrouble: string | null;
  /** Next offset of a direct stream, hex; null before the first preparation, and where the stream has several partitions. */
  readonly position: string | null;
  /** Of those in `activeRuns` the first in the order load, validate, repair. */
  readonly activeRunId: string | null;
  /** At most one of each lane. */
  readonly activeRuns: readonly { readonly id: string; readonly lane: RunLane }[];
  readonly tables: readonly TableOverview[];
}

export interface StageProgress {
  readonly done: number;
  readonly total: number;
  readonly rows: number;
}

/** What the validation of a table, or of all tables of a run, has come to so far; sums over the ranges done. */
export interface ValidationReport {
  /** Rows of the source. */
  readonly rowsCompared: number;
  readonly confirmedEqual: number;
  readonly differences: number;
  /** Rows still in flight whenever they were looked at: neither equal nor different. */
  readonly unverified: number;
  /** Ranges compared. */
  readonly ranges: number;
  /** Text carried from both databases to the validator, about; what protocols add is not in it. */
  readonly bytesMoved: number;
  /** Time the ranges took, added up: more than the clock shows where several are compared at once. */
  readonly durationMs: number;
  /** The newest end of the source's log that a range was compared at, hex; null before the first. */
  readonly position: string | null;
}

/** Derived history as `finish-validation` found it. */
export interface HistoryReport {
  readonly historyVersions: number;
  /** Versions that do not follow one another without a hole. */
  readonly historyHoles: number;
  /** Versions whose times are not exact, or that a preload replaced. */
  readonly historyApproximate: number;
}

/** What the repairs of a table, or of all tables of a run, have come to so far; rows, and versions of copied history. */
export interface RepairReport {
  /** Inserted or replaced. */
  readonly repaired: number;
  /** Taken away, since the source has no such row. */
  readonly deleted: number;
  /** Both sides were equal by then. */
  readonly unchanged: number;
  /** Given up because they kept changing. */
  readonly moved: number;
  /** The warehouse cannot hold them: a dead letter's stays parked. */
  readonly failed: number;
}

/** Progress of one table in one run. */
export interface TableProgress extends ValidationReport {
  readonly table: string;
  readonly phase: TableState['phase'];
  readonly estimatedRows: number | null;
  readonly preload: StageProgress;
  readonly validate: StageProgress;
  /** Copying of history, where the table's is copied. */
  readonly history: StageProgress;
  readonly repair: StageProgress & RepairReport;
  /** Null: its history is not derived, or not checked (yet). */
  readonly derivedHistory: HistoryReport | null;
}

/** A difference that validation found. */
export interface Difference {
  readonly table: string;
  /** In words, `id=5`. */
  readonly key: string;
  /** The key's cells, as a repair takes them; empty for a key that PostgreSQL's JSON cannot keep: mend that row at the source. */
  readonly cells: readonly string[];
  /** `history`: versions of the row in the copied history table. */
  readonly of: 'row' | 'history';
  readonly kind: 'missing' | 'extra' | 'unequal';
  /** Unequal columns, by their names in the warehouse. */
  readonly columns: readonly string[];
  /** Their values, in that order, only where the pipeline allows it (`validate.showValues`). */
  readonly values?: readonly { readonly source: string | null; readonly warehouse: string | null }[];
}

export interface RunOverview extends ValidationReport {
  readonly runId: string;
  readonly tables: readonly TableProgress[];
}

/** The read model of the gateway. */
export interface Overview {
  pipeline(name: string): Promise<PipelineOverview>;
  run(runId: string): Promise<RunOverview>;
  /** First differences of a run, at most `limit`. */
  differences(runId: string, limit: number): Promise<readonly Difference[]>;
}

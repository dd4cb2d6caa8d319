import type { TableState } from '@elstream/warehouse';

/** How a table of a pipeline stands. */
export interface TableOverview {
  readonly table: string;
  readonly target: string;
  readonly phase: TableState['phase'];
  readonly epoch: number;
  readonly rowsPreloaded: number;
  readonly eventsApplied: number;
  readonly error: string | null;
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
  /** Next offset of partition 0, hex; null before the first preparation. */
  readonly position: string | null;
  readonly activeRunId: string | null;
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

/** Progress of one table in one run. */
export interface TableProgress extends ValidationReport {
  readonly table: string;
  readonly phase: TableState['phase'];
  readonly estimatedRows: number | null;
  readonly preload: StageProgress;
  readonly validate: StageProgress;
}

/** One kind of difference validation found; names and keys only, never other values. */
export interface Difference {
  readonly table: string;
  /** In words, `id=5`. */
  readonly key: string;
  /** The key's cells, as a repair takes them. */
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

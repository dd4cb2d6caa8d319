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

/** Progress of one table in one run. */
export interface TableProgress {
  readonly table: string;
  readonly phase: TableState['phase'];
  readonly estimatedRows: number | null;
  readonly preload: StageProgress;
  readonly validate: StageProgress;
  readonly differences: number;
  readonly unverified: number;
}

/** One kind of difference validation found; names and keys only, never other values. */
export interface Difference {
  readonly table: string;
  readonly key: string;
  readonly kind: 'missing' | 'extra' | 'unequal';
  readonly columns: readonly string[];
}

export interface RunOverview {
  readonly runId: string;
  readonly tables: readonly TableProgress[];
  readonly rowsCompared: number;
  readonly differences: number;
  readonly unverified: number;
}

/** The read model of the gateway. */
export interface Overview {
  pipeline(name: string): Promise<PipelineOverview>;
  run(runId: string): Promise<RunOverview>;
  /** First differences of a run, at most `limit`. */
  differences(runId: string, limit: number): Promise<readonly Difference[]>;
}

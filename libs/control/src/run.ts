/** What a run consists of by default, in this order. */
export const RUN_STAGES = ['prepare', 'preload', 'validate'] as const;
/** All of `RUN_STAGES`, or `validate` alone, or `repair` alone. */
export type RunStage = (typeof RUN_STAGES)[number] | 'repair';

/**
 * Runs of one lane exclude each other in a pipeline. A run of lane `load` cancels one of lane `validate`, and none of that
 * lane begins beside it; repairs go beside both.
 */
export type RunLane = 'load' | 'validate' | 'repair';

export function laneOf(stages: readonly RunStage[]): RunLane {
  return stages.includes('preload') ? 'load' : stages.includes('repair') ? 'repair' : 'validate';
}

/** What a validation looks at; everything absent: all rows of the run's tables. */
export interface ValidationScope {
  /** About this share of the ranges, chosen at random, in percent: above 0, at most 100. A table that is one range is compared whole. */
  readonly samplePercent?: number;
  /** Rows the stream has written since the table was last found equal. */
  readonly changed?: boolean;
  /** Keys from `from` to below `to`, of the only table of the run; null: unbounded. */
  readonly range?: { readonly from: readonly string[] | null; readonly to: readonly string[] | null };
}

/** One execution of a pipeline's stages: prepare → preload → validate (DESIGN.md, Words). */
export interface Run {
  readonly id: string;
  readonly pipeline: string;
  /** Why it was started. By themselves start: `log-gap` (R3), `schedule` (validation), `repair` (after differences, by policy), `schema-change`, `tables-added`, `reload` (tables that lost events of one partition, or were truncated out of order). */
  readonly reason: RunReason;
  readonly state: RunState;
  /** All of them; or `validate` alone: then live tables are compared and nothing else is done; or `repair` alone. */
  readonly stages: readonly RunStage[];
  readonly scope: ValidationScope;
  /** Table ids the run works on. */
  readonly tables: readonly string[];
  readonly error: string | null;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
}

export const RUN_REASONS = ['initial', 'manual', 'log-gap', 'schedule', 'repair', 'replay', 'schema-change', 'tables-added', 'reload', 'reset'] as const;
export type RunReason = (typeof RUN_REASONS)[number];

export type RunState = 'pending' | 'running' | 'succeeded' | 'failed' | 'cancelled';

/**
 * What a task does:
 * - `prepare`: checks both sides, creates tables, makes capture exist and the checkpoint stand (once per run)
 * - `open-table`: raises the epoch, reads L0, lists and awaits transactions in progress, plans the chunks (R4 0–2)
 * - `preload-chunk`: copies one key range (R4 3)
 * - `finish-table`: sweep, H (R4)
 * - `history-chunk`: copies one key range of copied history (R13)
 * - `plan-validation`: cuts both sides into ranges once the table is live; from here deletes leave markers
 * - `validate-chunk`: compares one range (R8), of rows or of copied history
 * - `finish-validation`: sums the table's validation up and ends its use of markers
 * - `repair-rows`: mends some keys (R9), or replays dead letters
 *
 * Here in the order in which pending ones are handed out: the steps first.
 */
export const TASK_KINDS = ['prepare', 'open-table', 'finish-table', 'plan-validation', 'finish-validation', 'repair-rows', 'preload-chunk', 'history-chunk', 'validate-chunk'] as const;
export type TaskKind = (typeof TASK_KINDS)[number];

/** Chunks are many, and any worker may take any; the other kinds are the steps on which a whole table waits. */
export function isChunk(kind: TaskKind): boolean {
  return kind === 'preload-chunk' || kind === 'history-chunk' || kind === 'validate-chunk';
}

export type TaskState = 'pending' | 'running' | 'done' | 'failed' | 'cancelled';

export interface Task {
  readonly id: string;
  readonly runId: string;
  readonly pipeline: string;
  readonly kind: TaskKind;
  readonly table: string | null;
  readonly state: TaskState;
  /** Raised by every claim; part of the fence (R4). */
  readonly attempt: number;
  readonly epoch: number | null;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly result: Readonly<Record<string, unknown>> | null;
  readonly rows: number;
  readonly error: string | null;
}

/** What has to be known of a task to hand it to a worker. */
export type PendingTask = Pick<Task, 'id' | 'runId' | 'pipeline' | 'kind'>;

export interface NewTask {
  readonly kind: TaskKind;
  readonly table: string | null;
  readonly epoch: number | null;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** Tasks of a run, counted by table, kind and state: what the planner decides from. */
export interface TaskSummary {
  readonly table: string | null;
  readonly kind: TaskKind;
  readonly state: TaskState;
  readonly tasks: number;
  readonly rows: number;
}

export interface RunEvent {
  readonly id: number;
  readonly runId: string;
  readonly at: Date;
  readonly type: string;
  readonly table: string | null;
  /** Names and numbers only, never row values. */
  readonly detail: Readonly<Record<string, unknown>>;
}

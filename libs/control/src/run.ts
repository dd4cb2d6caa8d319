/** What a run may consist of, in this order. */
export const RUN_STAGES = ['prepare', 'preload', 'validate'] as const;
export type RunStage = (typeof RUN_STAGES)[number];

/** One execution of a pipeline's stages: prepare → preload → validate (DESIGN.md, Words). */
export interface Run {
  readonly id: string;
  readonly pipeline: string;
  /** Why it was started. `log-gap`: by itself, after changes were lost from the log (R3). */
  readonly reason: 'initial' | 'manual' | 'log-gap';
  readonly state: RunState;
  /** All of them, or `validate` alone: then live tables are compared and nothing else is done. */
  readonly stages: readonly RunStage[];
  /** Table ids the run works on. */
  readonly tables: readonly string[];
  readonly error: string | null;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
}

export type RunState = 'pending' | 'running' | 'succeeded' | 'failed' | 'cancelled';

/**
 * What a task does:
 * - `prepare`: checks both sides, creates tables, makes capture exist and the checkpoint stand (once per run)
 * - `open-table`: raises the epoch, reads L0, lists and awaits transactions in progress, plans the chunks (R4 0–2)
 * - `preload-chunk`: copies one key range (R4 3)
 * - `finish-table`: sweep, H (R4)
 * - `plan-validation`: cuts both sides into ranges once the table is live
 * - `validate-chunk`: compares one range (R8)
 *
 * Here in the order in which pending ones are handed out: the steps first.
 */
export const TASK_KINDS = ['prepare', 'open-table', 'finish-table', 'plan-validation', 'preload-chunk', 'validate-chunk'] as const;
export type TaskKind = (typeof TASK_KINDS)[number];

/** Chunks are many, and any worker may take any; the other kinds are the steps on which a whole table waits. */
export function isChunk(kind: TaskKind): boolean {
  return kind === 'preload-chunk' || kind === 'validate-chunk';
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

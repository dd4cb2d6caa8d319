import type { SourceIdentity, TableMapping, TaskClaim } from '@elstream/core';
import type { HealingStore } from './healing';
import type { NewTask, PendingTask, Run, RunEvent, RunLane, RunStage, RunState, Task, TaskSummary, ValidationScope } from './run';

export interface PipelineRecord {
  readonly name: string;
  readonly paused: boolean;
  /** Why the stream stands still, or null: shown to people, cleared when it goes on. */
  readonly streamError: string | null;
  /** The source's log identity at the last preparation (R3c). */
  readonly identity: SourceIdentity | null;
  /** Set when capture was lost or dropped (R3, R14): the next run must declare the gap and preload again. */
  readonly gapReason: string | null;
}

/** Mappings are stored without mask secrets; the reader puts those of the configuration back in. */
export type StoredMapping = TableMapping;

/**
 * Runs, tasks, pipelines and their events, kept in the warehouse (schema `elstream`): the truth that queue and bus only
 * speak of. Every state change is one conditional statement or transaction, so two processes cannot both win.
 */
export interface ControlStore extends HealingStore {
  /** Brings the control tables to this version; serialised by a lock. Called once per start, before anything else. */
  migrate(): Promise<void>;

  registerPipeline(name: string): Promise<PipelineRecord>;
  readPipelines(): Promise<readonly PipelineRecord[]>;
  readPipeline(name: string): Promise<PipelineRecord | null>;
  /** Returns false if it already was so. */
  setPaused(name: string, paused: boolean): Promise<boolean>;
  setStreamError(name: string, error: string | null): Promise<void>;
  setIdentity(name: string, identity: SourceIdentity): Promise<void>;
  setGap(name: string, reason: string | null): Promise<void>;
  /** The next counter number of the pipeline: +1 per call, never given twice (R3a). */
  nextCounter(name: string): Promise<bigint>;
  /** Forgets the pipeline: its runs, tasks, checkpoints, table states and mappings. */
  removePipeline(name: string): Promise<void>;

  saveMappings(pipeline: string, mappings: readonly StoredMapping[]): Promise<void>;
  /** Replaces one mapping that is stored; false: it is not, or no longer as `from` (two processes followed a change at once). */
  replaceMapping(pipeline: string, from: StoredMapping, to: StoredMapping): Promise<boolean>;
  readMappings(pipeline: string): Promise<readonly StoredMapping[]>;

  /**
   * Creates a run (of all stages by default) with its `prepare` task if it has that stage, and with `tasks` (repairs).
   * Refused (`RUN_ACTIVE`) while another run of its lane has not ended, and for a validation also while one of lane `load`
   * has not; a run of lane `load` cancels an active validation. One with reason `log-gap` is also refused (`GAP_GONE`) when
   * no gap is noted any more: who found it was overtaken.
   */
  createRun(run: {
    readonly pipeline: string;
    readonly reason: Run['reason'];
    readonly tables: readonly string[];
    readonly stages?: readonly RunStage[];
    readonly scope?: ValidationScope;
    readonly tasks?: readonly NewTask[];
  }): Promise<Run>;
  readRun(id: string): Promise<Run | null>;
  /** Newest first. */
  readRuns(filter: { readonly pipeline?: string; readonly lane?: RunLane; readonly states?: readonly RunState[]; readonly limit: number }): Promise<readonly Run[]>;
  /** pending → running; false: it was no longer pending. */
  startRun(id: string): Promise<boolean>;
  setRunTables(id: string, tables: readonly string[]): Promise<void>;
  /** Ends a run that has not ended; its unfinished tasks become cancelled in the same transaction. False: it had ended, or (`onlyIf: 'gap'`) the pipeline has no log gap noted now. */
  endRun(id: string, state: Exclude<RunState, 'pending' | 'running'>, error: string | null, onlyIf?: 'gap'): Promise<boolean>;

  /** Adds tasks unless tasks of that (kind, table) exist in the run already; returns what was added. */
  addTasks(runId: string, tasks: readonly NewTask[]): Promise<readonly Task[]>;
  readTask(id: string): Promise<Task | null>;
  /** In their order. `counted`: only those whose result has this number above zero; `without`: payloads and results lack these parts, which may be large; `skip`: so many are left out first. */
  readTasks(runId: string, filter: { readonly kind?: Task['kind']; readonly state?: Task['state']; readonly counted?: string; readonly without?: readonly string[]; readonly skip?: number; readonly limit: number }): Promise<readonly Task[]>;
  summarize(runId: string): Promise<readonly TaskSummary[]>;
  /**
   * Pending tasks of running runs, what the reconciler enqueues: at most `limit` of each kind of a run, so that many
   * chunks hide neither another kind nor another run; chunks last, of each kind the oldest first, the runs by turns.
   */
  pendingTasks(limit: number): Promise<readonly PendingTask[]>;
  /** pending → running with attempt + 1, for a task of a running run; null if it is not pending. */
  claim(taskId: string, worker: string): Promise<{ readonly task: Task; readonly claim: TaskClaim } | null>;
  /** Says "still at it"; false: the claim is no longer ours. */
  renew(claim: TaskClaim): Promise<boolean>;
  /** running → done under the claim, and adds `follow` tasks in the same transaction; false: not ours any more. Chunks are completed by the warehouse instead. */
  complete(claim: TaskClaim, result: Readonly<Record<string, unknown>>, follow?: readonly NewTask[]): Promise<boolean>;
  /** running → failed (`final`) or back to pending, under the claim. */
  fail(claim: TaskClaim, error: string, final: boolean): Promise<boolean>;
  /**
   * Takes or renews the lead of `role` for `forMs` from now, by the server's clock: true if `holder` has it then. It falls
   * to another holder only once it has run out, was resigned, or is stolen (`steal`: the caller knows that no other lives).
   * One conditional statement. A holder counts its time from *before* the call, so that it never believes longer than the
   * server does; what it does as leader must bear a second leader all the same (a process may stand still after looking).
   */
  lead(role: string, holder: string, forMs: number, options?: { readonly steal?: boolean }): Promise<boolean>;
  /** Gives the lead up, so that another need not wait until it runs out; nothing if `holder` has it not. */
  resign(role: string, holder: string): Promise<void>;

  /** Running tasks not renewed for `olderThanMs` (0: all of other workers than `except`) go back to pending; returns how many. */
  releaseAbandoned(filter: { readonly olderThanMs: number; readonly except?: string }): Promise<number>;

  addEvent(event: { readonly runId: string; readonly type: string; readonly table: string | null; readonly detail: Readonly<Record<string, unknown>> }): Promise<void>;
  /** Events with an id above `after`, in order. */
  readEvents(runId: string, after: number, limit: number): Promise<readonly RunEvent[]>;

  close(): Promise<void>;
}

import { laneOf, type NewTask, type Run, type TaskKind, type TaskState, type TaskSummary } from './run';

/** What the planner knows of a run; all of it read from the control tables. */
export interface RunView {
  readonly run: Run;
  readonly tasks: readonly TaskSummary[];
  /** Phase per table, as the warehouse keeps it; a table not in it has none yet. */
  readonly phases: ReadonlyMap<string, TablePhase>;
  /** First error of a failed task, for people. */
  readonly firstError: string | null;
}

export interface TablePhase {
  readonly phase: string;
  readonly epoch: number;
  readonly runId: string | null;
  /** Why it is stopped. */
  readonly error?: string | null;
}

export type PlanAction =
  | { readonly do: 'start' }
  | { readonly do: 'add-tasks'; readonly tasks: readonly NewTask[] }
  | { readonly do: 'end'; readonly state: 'succeeded' | 'failed'; readonly error: string | null };

/** `skipped`: the table was stopped, so it cannot be compared, and others go on. */
type TableNext = NewTask | 'working' | 'finished' | 'skipped';

/**
 * The state machine of a run, pure: the same view always gives the same next actions, so any process can take over
 * after any crash. A task is added once (`ControlStore.addTasks` is idempotent per kind and table).
 *
 * prepare → per table: open-table → preload-chunk…, history-chunk… → finish-table → (live) → plan-validation →
 * validate-chunk… → finish-validation → end
 *
 * A run of the stage `validate` alone begins at (live); one of `repair` alone has all its tasks from the beginning.
 */
export function planNext(view: RunView): readonly PlanAction[] {
  const { run } = view;
  if (run.state === 'pending') return [{ do: 'start' }];
  if (run.state !== 'running') return [];
  const lane = laneOf(run.stages);
  switch (lane) {
    case 'load':
      return planLoad(view);
    case 'validate':
      return planValidation(view);
    case 'repair':
      return planRepair(view);
  }
  return lane satisfies never;
}

function planLoad(view: RunView): readonly PlanAction[] {
  const { run } = view;
  if (view.tasks.some(hasFailed)) return failed(view.firstError);
  const prepare = stage(view, null, 'prepare');
  if (prepare === 'absent') return [{ do: 'add-tasks', tasks: [{ kind: 'prepare', table: null, epoch: null, payload: {} }] }];
  if (prepare === 'open') return [];
  // Stopped by an earlier run's work it is only until this run opens it.
  const stopped = run.tables.find((table) => view.phases.get(table)?.phase === 'stopped' && view.phases.get(table)?.runId === run.id);
  if (stopped !== undefined) return failed(whyStopped(view, stopped));
  // A reset or another run has begun the table anew since: what this one copies is given up as lost, so it would never end.
  const taken = run.tables.find((table) => stage(view, table, 'open-table') === 'done' && (view.phases.get(table)?.runId ?? run.id) !== run.id);
  const reset = run.tables.find((table) => stage(view, table, 'open-table') === 'done' && view.phases.get(table)?.phase === 'new');
  if (taken !== undefined || reset !== undefined) return failed(`table ${taken ?? reset ?? ''} was reset meanwhile; start a run of all stages for it`);
  return proceed(run.tables.map((table) => nextOfLoad(view, table)));
}

function planValidation(view: RunView): readonly PlanAction[] {
  const { run } = view;
  const begins = view.tasks.length === 0 && run.reason !== 'schedule';
  // Once begun, a table that is stopped or taken out of the pipeline beneath its comparison is skipped, whatever the comparison made of that.
  const skipped = new Set(begins ? [] : run.tables.filter((table) => isOut(view, table) && stage(view, table, 'finish-validation') !== 'done'));
  if (view.tasks.some((t) => hasFailed(t) && !skipped.has(t.table ?? ''))) return failed(view.firstError);
  const next = run.tables.map((table) => (skipped.has(table) ? 'skipped' : nextOfValidation(view, table)));
  // Nothing in this run would ever make such a table live.
  const never = run.tables.find((table, i) => next[i] !== 'finished' && next[i] !== 'skipped' && !['live', 'catching-up'].includes(view.phases.get(table)?.phase ?? 'new'));
  if (never !== undefined) return failed(`table ${never} is not live, so there is nothing to compare; start a run of all stages`);
  const [first] = run.tables;
  if (first !== undefined && skipped.size === run.tables.length) return failed(whyStopped(view, first));
  return proceed(next);
}

/** One table that cannot be repaired keeps no other from it: all tasks are worked before the run ends. */
function planRepair(view: RunView): readonly PlanAction[] {
  const counted = view.tasks.filter((t) => t.tasks > 0);
  if (counted.some((t) => t.state === 'pending' || t.state === 'running')) return [];
  return counted.some(hasFailed) ? failed(view.firstError) : [{ do: 'end', state: 'succeeded', error: null }];
}

function proceed(next: readonly TableNext[]): readonly PlanAction[] {
  const tasks = next.filter((n): n is NewTask => typeof n === 'object');
  if (tasks.length > 0) return [{ do: 'add-tasks', tasks }];
  return next.includes('working') ? [] : [{ do: 'end', state: 'succeeded', error: null }];
}

function failed(error: string | null): readonly PlanAction[] {
  return [{ do: 'end', state: 'failed', error }];
}

function nextOfLoad(view: RunView, table: string): TableNext {
  const state = view.phases.get(table);
  const task = (kind: TaskKind): NewTask => ({ kind, table, epoch: state?.runId === view.run.id ? state.epoch : null, payload: {} });
  const open = stage(view, table, 'open-table');
  if (open !== 'done') return open === 'absent' ? task('open-table') : 'working';
  // open-table adds its chunks in the transaction that completes it: when it is done, all chunks are known.
  if (stage(view, table, 'preload-chunk') === 'open' || stage(view, table, 'history-chunk') === 'open') return 'working';
  const finish = stage(view, table, 'finish-table');
  if (finish !== 'done') return finish === 'absent' ? task('finish-table') : 'working';
  return nextOfValidation(view, table);
}

function nextOfValidation(view: RunView, table: string): TableNext {
  const task = (kind: TaskKind): NewTask => ({ kind, table, epoch: view.phases.get(table)?.epoch ?? null, payload: {} });
  const plan = stage(view, table, 'plan-validation');
  if (plan === 'absent') return view.phases.get(table)?.phase === 'live' ? task('plan-validation') : 'working';
  if (plan === 'open' || stage(view, table, 'validate-chunk') === 'open') return 'working';
  const finish = stage(view, table, 'finish-validation');
  if (finish !== 'done') return finish === 'absent' ? task('finish-validation') : 'working';
  return 'finished';
}

/** Stopped, or the pipeline's no more. */
function isOut(view: RunView, table: string): boolean {
  return ['stopped', undefined].includes(view.phases.get(table)?.phase);
}

function whyStopped(view: RunView, table: string): string {
  const state = view.phases.get(table);
  return state === undefined ? `table ${table} is not in the pipeline any more` : `table ${table} is stopped: ${state.error ?? 'start a run of all stages for it'}`;
}

function hasFailed(summary: TaskSummary): boolean {
  return summary.state === 'failed' && summary.tasks > 0;
}

/** `absent`: no such task; `open`: some not done; `done`: all done. */
function stage(view: RunView, table: string | null, kind: TaskKind): 'absent' | 'open' | 'done' {
  const states: TaskState[] = view.tasks.filter((t) => t.table === table && t.kind === kind && t.tasks > 0).map((t) => t.state);
  if (states.length === 0) return 'absent';
  return states.every((s) => s === 'done') ? 'done' : 'open';
}

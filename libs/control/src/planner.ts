import type { NewTask, Run, TaskKind, TaskState, TaskSummary } from './run';

/** What the planner knows of a run; all of it read from the control tables. */
export interface RunView {
  readonly run: Run;
  readonly tasks: readonly TaskSummary[];
  /** Phase per table, as the warehouse keeps it; a table not in it has none yet. */
  readonly phases: ReadonlyMap<string, { readonly phase: string; readonly epoch: number; readonly runId: string | null }>;
  /** First error of a failed task, for people. */
  readonly firstError: string | null;
}

export type PlanAction =
  | { readonly do: 'start' }
  | { readonly do: 'add-tasks'; readonly tasks: readonly NewTask[] }
  | { readonly do: 'end'; readonly state: 'succeeded' | 'failed'; readonly error: string | null };

/**
 * The state machine of a run, pure: the same view always gives the same next actions, so any process can take over
 * after any crash. A task is added once (`ControlStore.addTasks` is idempotent per kind and table).
 *
 * prepare → per table: open-table → preload-chunk… → finish-table → (live) → plan-validation → validate-chunk… → end
 *
 * A run of the stage `validate` alone begins at (live).
 */
export function planNext(view: RunView): readonly PlanAction[] {
  const { run } = view;
  if (run.state === 'pending') return [{ do: 'start' }];
  if (run.state !== 'running') return [];
  if (view.tasks.some((t) => t.state === 'failed' && t.tasks > 0)) {
    return [{ do: 'end', state: 'failed', error: view.firstError }];
  }
  if (run.stages.includes('preload')) {
    const prepare = stage(view, null, 'prepare');
    if (prepare === 'absent') return [{ do: 'add-tasks', tasks: [{ kind: 'prepare', table: null, epoch: null, payload: {} }] }];
    if (prepare === 'open') return [];
  } else {
    // Nothing in this run would ever make such a table live.
    const never = run.tables.find((table) => !['live', 'catching-up'].includes(view.phases.get(table)?.phase ?? 'new'));
    if (never !== undefined) return [{ do: 'end', state: 'failed', error: `table ${never} is not live, so there is nothing to compare; start a run of all stages` }];
  }
  const next = run.tables.map((table) => nextOfTable(view, table));
  const tasks = next.filter((n): n is NewTask => typeof n === 'object');
  if (tasks.length > 0) return [{ do: 'add-tasks', tasks }];
  return next.every((n) => n === 'finished') ? [{ do: 'end', state: 'succeeded', error: null }] : [];
}

function nextOfTable(view: RunView, table: string): NewTask | 'working' | 'finished' {
  if (!view.run.stages.includes('preload')) return nextOfValidation(view, table);
  const state = view.phases.get(table);
  const task = (kind: TaskKind): NewTask => ({ kind, table, epoch: state?.runId === view.run.id ? state.epoch : null, payload: {} });
  const open = stage(view, table, 'open-table');
  if (open !== 'done') return open === 'absent' ? task('open-table') : 'working';
  // open-table adds its chunks in the transaction that completes it: when it is done, all chunks are known.
  if (stage(view, table, 'preload-chunk') === 'open') return 'working';
  const finish = stage(view, table, 'finish-table');
  if (finish !== 'done') return finish === 'absent' ? task('finish-table') : 'working';
  return nextOfValidation(view, table);
}

function nextOfValidation(view: RunView, table: string): NewTask | 'working' | 'finished' {
  const state = view.phases.get(table);
  if (state?.phase !== 'live') return 'working';
  const plan = stage(view, table, 'plan-validation');
  if (plan !== 'done') return plan === 'absent' ? { kind: 'plan-validation', table, epoch: state.epoch, payload: {} } : 'working';
  return stage(view, table, 'validate-chunk') === 'open' ? 'working' : 'finished';
}

/** `absent`: no such task; `open`: some not done; `done`: all done. */
function stage(view: RunView, table: string | null, kind: TaskKind): 'absent' | 'open' | 'done' {
  const states: TaskState[] = view.tasks.filter((t) => t.table === table && t.kind === kind && t.tasks > 0).map((t) => t.state);
  if (states.length === 0) return 'absent';
  return states.every((s) => s === 'done') ? 'done' : 'open';
}

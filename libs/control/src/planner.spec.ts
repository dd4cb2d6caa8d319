import { planNext, type PlanAction, type RunView, type TablePhase } from './planner';
import { RUN_STAGES, type NewTask, type Run, type TaskKind, type TaskState, type TaskSummary } from './run';

const run: Run = {
  id: 'r1',
  pipeline: 'p',
  reason: 'initial',
  state: 'running',
  stages: RUN_STAGES,
  scope: {},
  tables: ['a', 'b'],
  error: null,
  createdAt: new Date(0),
  startedAt: new Date(0),
  finishedAt: null,
};

/** `kind table state`, e.g. `open-table a done`; table `-` is none. */
const summary = (text: string): TaskSummary => {
  const [kind, table, state] = text.split(' ') as [TaskKind, string, TaskState];
  return { kind, table: table === '-' ? null : table, state, tasks: 1, rows: 0 };
};
const phase = (name: string, epoch = 3, runId: string | null = 'r1'): TablePhase => ({ phase: name, epoch, runId });
const stopped = (error: string | null, runId = 'r1'): TablePhase => ({ phase: 'stopped', epoch: 3, runId, error });
const add = (kind: TaskKind, table: string | null, epoch: number | null = null): NewTask => ({ kind, table, epoch, payload: {} });

function view(tasks: readonly string[], phases: Record<string, TablePhase> = {}, over: Partial<Run> = {}): RunView {
  return { run: { ...run, ...over }, tasks: tasks.map(summary), phases: new Map(Object.entries(phases)), firstError: tasks.some((t) => t.endsWith('failed')) ? 'no key' : null };
}

const opened = ['prepare - done', 'open-table a done', 'open-table b done'];
const copied = [...opened, 'preload-chunk a done', 'preload-chunk b done'];
const finished = [...copied, 'finish-table a done', 'finish-table b done'];
const planned = [...finished, 'plan-validation a done', 'plan-validation b done'];
const compared = [...planned, 'validate-chunk a done', 'validate-chunk b done'];
const comparing: Partial<Run> = { stages: ['validate'] };
const scheduled: Partial<Run> = { ...comparing, reason: 'schedule' };
const repairing: Partial<Run> = { stages: ['repair'] };
const ended = (error: string | null = null): readonly PlanAction[] => [{ do: 'end', state: error === null ? 'succeeded' : 'failed', error }];
const live = { a: phase('live'), b: phase('live') };

const cases: readonly [behaviour: string, view: RunView, actions: readonly PlanAction[]][] = [
  ['starts a pending run and nothing else', view(['prepare - pending'], {}, { state: 'pending' }), [{ do: 'start' }]],
  ['plans nothing for a run that has succeeded', view([], {}, { state: 'succeeded' }), []],
  ['plans nothing for a run that has failed', view(['open-table a failed'], {}, { state: 'failed' }), []],
  ['plans nothing for a cancelled run', view(['prepare - cancelled'], {}, { state: 'cancelled' }), []],
  ['adds the preparation where it is missing', view([]), [{ do: 'add-tasks', tasks: [add('prepare', null)] }]],
  ['waits while the preparation is pending', view(['prepare - pending']), []],
  ['waits while the preparation runs', view(['prepare - running']), []],
  ['opens every table once prepared', view(['prepare - done']), [{ do: 'add-tasks', tasks: [add('open-table', 'a'), add('open-table', 'b')] }]],
  ['opens a table without the epoch of an earlier run', view(['prepare - done', 'open-table b running'], { a: phase('live', 2, 'r0') }), [{ do: 'add-tasks', tasks: [add('open-table', 'a')] }]],
  ['waits for the opening of a table', view(['prepare - done', 'open-table a running', 'open-table b pending']), []],
  ['waits for the last chunk', view([...opened, 'preload-chunk a done', 'preload-chunk a running', 'preload-chunk b pending']), []],
  ['finishes a table whose chunks are done, for its epoch, while another still copies', view([...opened, 'preload-chunk a done', 'preload-chunk b pending'], { a: phase('preloading', 7) }), [{ do: 'add-tasks', tasks: [add('finish-table', 'a', 7)] }]],
  ['finishes a table without rows, which has no chunk', view([...opened, 'preload-chunk b running'], { a: phase('preloading') }), [{ do: 'add-tasks', tasks: [add('finish-table', 'a', 3)] }]],
  ['waits until the stream has made the table live', view(finished, { a: phase('catching-up'), b: phase('catching-up') }), []],
  ['plans the validation of the table that is live', view(finished, { a: phase('live'), b: phase('catching-up') }), [{ do: 'add-tasks', tasks: [add('plan-validation', 'a', 3)] }]],
  ['waits for the ranges compared', view([...planned, 'validate-chunk a running', 'validate-chunk b running'], live), []],
  ['waits for the chunks of copied history before it finishes a table', view([...copied, 'history-chunk a running', 'history-chunk b pending']), []],
  ['finishes the table whose history is copied too', view([...copied, 'history-chunk a done', 'history-chunk b pending'], { a: phase('preloading') }), [{ do: 'add-tasks', tasks: [add('finish-table', 'a', 3)] }]],
  ['sums a validation up once its ranges are compared, while another still compares', view([...planned, 'validate-chunk a done', 'validate-chunk b running'], live), [{ do: 'add-tasks', tasks: [add('finish-validation', 'a', 3)] }]],
  ['sums up what had nothing to compare', view(planned, live), [{ do: 'add-tasks', tasks: [add('finish-validation', 'a', 3), add('finish-validation', 'b', 3)] }]],
  ['waits for the summing up', view([...compared, 'finish-validation a done', 'finish-validation b running'], live), []],
  ['succeeds when every table is live and validated', view([...compared, 'finish-validation a done', 'finish-validation b done'], live), ended()],
  ['fails over a table stopped in this run, for its reason', view(copied, { a: phase('preloading'), b: stopped('1,000 parked') }), ended('table b is stopped: 1,000 parked')],
  ['fails over a table that was reset beneath it', view(copied, { a: phase('new', 3, null), b: phase('preloading') }), ended('table a was reset meanwhile; start a run of all stages for it')],
  ['fails over a table that another run has opened since', view(copied, { a: phase('preloading'), b: phase('preloading', 4, 'r2') }), ended('table b was reset meanwhile; start a run of all stages for it')],
  ['opens a table that was stopped before', view(['prepare - done', 'open-table b running'], { a: stopped('1,000 parked', 'r0') }), [{ do: 'add-tasks', tasks: [add('open-table', 'a')] }]],
  ['compares live tables of an earlier run, for their epoch, when validation is the only stage', view([], { a: phase('live', 3, 'r0'), b: phase('live', 4, 'r0') }, comparing), [{ do: 'add-tasks', tasks: [add('plan-validation', 'a', 3), add('plan-validation', 'b', 4)] }]],
  ['waits, when validation is the only stage, for a table that an earlier run left catching up', view(['plan-validation b running'], { a: phase('catching-up', 3, 'r0'), b: phase('live', 4, 'r0') }, comparing), []],
  ['fails, when validation is the only stage, over a table that nothing will make live', view([], { a: phase('preloading', 3, 'r0'), b: phase('live', 4, 'r0') }, comparing), [{ do: 'end', state: 'failed', error: 'table a is not live, so there is nothing to compare; start a run of all stages' }]],
  ['succeeds, when validation is the only stage, once every range was compared', view(['plan-validation a done', 'plan-validation b done', 'validate-chunk a done', 'finish-validation a done', 'finish-validation b done'], { a: phase('live', 3, 'r0'), b: phase('live', 4, 'r0') }, comparing), [{ do: 'end', state: 'succeeded', error: null }]],
  ['fails, when somebody asked for it, over a table that is stopped at the start', view([], { a: stopped('key changed'), b: phase('live') }, comparing), ended('table a is not live, so there is nothing to compare; start a run of all stages')],
  ['skips, by schedule, a table that was stopped since it was chosen', view([], { a: stopped('key changed'), b: phase('live') }, scheduled), [{ do: 'add-tasks', tasks: [add('plan-validation', 'b', 3)] }]],
  ['skips a table that is stopped beneath its comparison, which failed for it', view(['plan-validation a done', 'validate-chunk a failed', 'plan-validation b done', 'validate-chunk b running'], { a: stopped('dropped'), b: phase('live') }, comparing), []],
  ['succeeds with the tables that could be compared', view(['plan-validation a running', 'plan-validation b done', 'finish-validation b done'], { a: stopped('dropped'), b: phase('live') }, comparing), ended()],
  ['skips a table taken out of the pipeline', view(['plan-validation a done', 'plan-validation b done', 'finish-validation b done'], { b: phase('live') }, comparing), ended()],
  ['fails where every table was stopped, for the reason of the first', view(['plan-validation a done', 'plan-validation b done'], { a: stopped('dropped'), b: stopped(null) }, comparing), ended('table a is stopped: dropped')],
  ['keeps what was compared before its table was stopped', view(['plan-validation a done', 'finish-validation a done', 'plan-validation b done', 'finish-validation b done'], { a: stopped('dropped'), b: stopped('dropped') }, comparing), ended()],
  ['fails over a failed comparison of a table that is not stopped', view(['plan-validation a done', 'validate-chunk a failed', 'validate-chunk b running'], live, comparing), ended('no key')],
  ['works all repairs whatever the phases are', view(['repair-rows a running', 'repair-rows b done'], {}, repairing), []],
  ['lets the other repairs go on after one has failed', view(['repair-rows a failed', 'repair-rows b pending'], live, repairing), []],
  ['fails over a failed repair once the others are done', view(['repair-rows a failed', 'repair-rows b done'], live, repairing), ended('no key')],
  ['succeeds when all repairs are done, and validates nothing', view(['repair-rows a done', 'repair-rows b done'], live, repairing), ended()],
  ['succeeds at once without tables', view(['prepare - done'], {}, { tables: [] }), [{ do: 'end', state: 'succeeded', error: null }]],
  ['fails with the first error as soon as a task has failed, whatever else is under way', view([...opened, 'preload-chunk a failed', 'preload-chunk b running']), [{ do: 'end', state: 'failed', error: 'no key' }]],
];

describe('planNext', () => {
  it.each(cases)('%s', (_, given, actions) => {
    expect(planNext(given)).toEqual(actions);
  });

  it('takes a count of no tasks for no tasks', () => {
    const none = { kind: 'prepare', table: null, state: 'failed', tasks: 0, rows: 0 } as const;
    expect(planNext({ ...view([]), tasks: [none] })).toEqual([{ do: 'add-tasks', tasks: [add('prepare', null)] }]);
  });
});

import fc from 'fast-check';
import { planNext, type PlanAction, type RunView } from './planner';
import { RUN_STAGES, type NewTask, type Run, type RunStage, type TaskKind, type TaskState, type TaskSummary } from './run';

interface ModelTask {
  readonly kind: TaskKind;
  readonly table: string | null;
  readonly epoch: number | null;
  state: TaskState;
}

/** The control tables and the world around a run: just what the planner's promises need. */
class Model {
  state: Run['state'] = 'pending';
  /** Known once prepared. */
  tables: string[] = [];
  readonly tasks: ModelTask[] = [];
  readonly phases = new Map<string, { phase: string; epoch: number; runId: string | null; error?: string }>();
  finalFailures = 0;
  endedWith: string | null = null;

  constructor(
    private readonly wanted: readonly { table: string; chunks: number; history: number; ranges: number; before: string | null }[],
    private readonly stages: readonly RunStage[] = RUN_STAGES,
  ) {
    // Its tables are known when it is made.
    if (!stages.includes('preload')) this.tables = wanted.map((w) => w.table);
    if (stages.includes('repair')) {
      for (const { table, chunks } of wanted) for (let i = 0; i < chunks; i += 1) this.tasks.push({ kind: 'repair-rows', table, epoch: null, state: 'pending' });
    }
    for (const { table, before } of wanted) {
      if (before !== null) this.phases.set(table, { phase: before, epoch: 4, runId: 'an earlier run' });
    }
  }

  get validatesOnly(): boolean {
    return this.stages.includes('validate') && !this.stages.includes('preload');
  }

  view(): RunView {
    const groups = new Map<string, TaskSummary>();
    for (const { table, kind, state } of this.tasks) {
      const name = JSON.stringify([table, kind, state]);
      groups.set(name, { table, kind, state, rows: 0, tasks: (groups.get(name)?.tasks ?? 0) + 1 });
    }
    const run = { id: 'r1', pipeline: 'p', reason: 'initial', state: this.state, stages: this.stages, scope: {}, tables: [...this.tables], error: null } as const;
    return {
      run: { ...run, createdAt: new Date(0), startedAt: null, finishedAt: null },
      tasks: [...groups.values()],
      phases: new Map([...this.phases].map(([table, s]) => [table, { ...s }])),
      firstError: this.finalFailures > 0 ? 'failed' : null,
    };
  }

  /** As the control store does it; checks the planner's promises at the moment each action takes effect. */
  apply(actions: readonly PlanAction[]): void {
    for (const action of actions) {
      if (action.do === 'start') {
        if (this.state === 'pending') this.state = 'running';
      } else if (action.do === 'end') {
        if (this.state === 'running') this.end(action.state, action.error);
      } else if (this.state === 'running') {
        this.addTasks(action.tasks);
      }
    }
  }

  claim(pick: number): void {
    const task = this.pick('pending', pick);
    if (task !== null && this.state === 'running') task.state = 'running';
  }

  crash(pick: number): void {
    const task = this.pick('running', pick);
    if (task !== null) task.state = 'pending';
  }

  fail(pick: number): void {
    const task = this.pick('running', pick);
    if (task === null) return;
    task.state = 'failed';
    this.finalFailures += 1;
  }

  /** Completes a running task together with what its work does and the tasks that follow, as one transaction. */
  complete(pick: number): void {
    const task = this.pick('running', pick);
    if (task === null) return;
    task.state = 'done';
    const plan = this.wanted.find((w) => w.table === task.table);
    const table = task.table ?? '';
    if (task.kind === 'prepare') this.tables = this.wanted.map((w) => w.table);
    if (task.kind === 'open-table') {
      const epoch = (this.phases.get(table)?.epoch ?? 0) + 1;
      this.phases.set(table, { phase: 'preloading', epoch, runId: 'r1' });
      const chunks = (kind: TaskKind, length: number): NewTask[] => Array.from({ length }, () => ({ kind, table, epoch, payload: {} }));
      this.addTasks([...chunks('preload-chunk', plan!.chunks), ...chunks('history-chunk', plan!.history)]);
    }
    // A stopped table's preload is lost.
    if (task.kind === 'finish-table' && this.phases.get(table)?.phase === 'preloading') this.phases.set(table, { ...this.phases.get(table)!, phase: 'catching-up' });
    if (task.kind === 'plan-validation') {
      this.addTasks(Array.from({ length: plan!.ranges }, () => ({ kind: 'validate-chunk', table, epoch: task.epoch, payload: {} })));
    }
  }

  /** The stream passes H of one table. */
  becomeLive(pick: number): void {
    const waiting = [...this.phases.values()].filter((s) => s.phase === 'catching-up');
    if (waiting.length > 0) waiting[pick % waiting.length]!.phase = 'live';
  }

  /** The warehouse stops a table: too many of its rows are parked, or its schema changed. */
  stop(pick: number): void {
    const standing = [...this.phases.values()].filter((s) => s.phase !== 'new' && s.phase !== 'stopped');
    if (standing.length > 0) Object.assign(standing[pick % standing.length]!, { phase: 'stopped', error: 'too much is parked' });
  }

  failStopped(): void {
    for (const task of this.tasks) {
      if (task.state !== 'running' || !this.stopped.includes(task.table ?? '')) continue;
      task.state = 'failed';
      this.finalFailures += 1;
    }
  }

  get stopped(): readonly string[] {
    return [...this.phases].filter(([, s]) => s.phase === 'stopped').map(([table]) => table);
  }

  private addTasks(tasks: readonly NewTask[]): void {
    const have = new Set(this.tasks.map((t) => JSON.stringify([t.kind, t.table])));
    for (const task of tasks) {
      if (have.has(JSON.stringify([task.kind, task.table]))) continue;
      this.checkInTime(task);
      this.tasks.push({ kind: task.kind, table: task.table, epoch: task.epoch, state: 'pending' });
    }
  }

  private checkInTime({ kind, table, epoch }: NewTask): void {
    const all = (k: TaskKind): boolean => this.tasks.filter((t) => t.kind === k && t.table === table).every((t) => t.state === 'done');
    const done = (k: TaskKind): boolean => all(k) && this.tasks.some((t) => t.kind === k && (t.table === table || k === 'prepare'));
    const state = this.phases.get(table ?? '');
    // What a stale planner adds is judged by the moment it looked at; the tasks before it are done all the same.
    const phase = state?.phase === 'stopped' ? ['stopped', epoch] : ['live', state?.epoch];
    if (kind === 'finish-validation') expect([done('plan-validation'), all('validate-chunk')]).toEqual([true, true]);
    else if (kind === 'plan-validation') expect([this.validatesOnly || (done('finish-table') && state?.runId === 'r1'), state?.phase, epoch]).toEqual([true, ...phase]);
    else if (this.validatesOnly) expect(kind).toBe('validate-chunk');
    else if (kind === 'open-table') expect(this.tasks.find((t) => t.kind === 'prepare')?.state).toBe('done');
    else if (kind === 'finish-table') expect([done('open-table'), all('preload-chunk'), all('history-chunk'), epoch]).toEqual([true, true, true, state?.epoch]);
  }

  private end(state: 'succeeded' | 'failed', error: string | null): void {
    this.state = state;
    this.endedWith = error;
    if (state === 'succeeded') this.checkSuccess();
    else expect([this.finalFailures > 0 || this.stopped.length > 0, error === null]).toEqual([true, false]);
    for (const task of this.tasks) if (task.state === 'pending' || task.state === 'running') task.state = 'cancelled';
  }

  private checkSuccess(): void {
    const count = (kind: TaskKind, table: string): number => this.tasks.filter((t) => t.kind === kind && t.table === table).length;
    const compared = (table: string): boolean => this.tasks.some((t) => t.kind === 'finish-validation' && t.table === table && t.state === 'done');
    expect(this.tasks.filter((t) => t.state !== 'done' && (t.table === null || compared(t.table) || !this.stopped.includes(t.table)))).toEqual([]);
    if (this.stages.includes('repair')) return;
    if (this.wanted.length > 0) expect(this.wanted.some((w) => compared(w.table))).toBe(true);
    for (const { table, chunks, history, ranges } of this.wanted) {
      if (!compared(table)) {
        expect([this.validatesOnly, this.phases.get(table)?.phase]).toEqual([true, 'stopped']);
        continue;
      }
      const loaded = ['open-table', 'preload-chunk', 'history-chunk', 'finish-table'] as const;
      expect(loaded.map((kind) => count(kind, table))).toEqual(this.validatesOnly ? [0, 0, 0, 0] : [1, chunks, history, 1]);
      expect([count('plan-validation', table), count('validate-chunk', table), count('finish-validation', table)]).toEqual([1, ranges, 1]);
    }
  }

  private pick(state: TaskState, n: number): ModelTask | null {
    const matching = this.tasks.filter((t) => t.state === state);
    return matching[n % Math.max(1, matching.length)] ?? null;
  }
}

const step = fc.record({
  // Weighted so that runs get far, and stale plans and crashes still come in each.
  what: fc.constantFrom('plan', 'plan', 'plan', 'stale-plan', 'claim', 'claim', 'claim', 'complete', 'complete', 'complete', 'crash', 'live', 'live'),
  pick: fc.nat(50),
});
const stoppingStep = fc.oneof({ weight: 12, arbitrary: step }, { weight: 1, arbitrary: fc.record({ what: fc.constant('stop'), pick: fc.nat(50) }) });
const steps = (maxLength: number) => fc.array(step, { maxLength, size: 'max' });
const tables = fc.uniqueArray(
  fc.record({
    table: fc.constantFrom('a', 'b', 'c'),
    chunks: fc.nat(3),
    history: fc.nat(2),
    ranges: fc.nat(2),
    before: fc.constantFrom(null, 'live', 'catching-up', 'new'),
  }),
  { selector: (t) => t.table, maxLength: 3, size: 'max' },
);

/** Returns the view the next stale plan is made from. */
function take(model: Model, { what, pick }: { what: string; pick: number }, old: RunView): RunView {
  const now = model.view();
  if (what === 'plan') model.apply(planNext(now));
  // Another planner, which read the tables a while ago, writes now.
  else if (what === 'stale-plan') model.apply(planNext(old));
  else if (what === 'claim') model.claim(pick);
  else if (what === 'complete') model.complete(pick);
  else if (what === 'crash') model.crash(pick);
  else if (what === 'fail') model.fail(pick);
  else if (what === 'stop') model.stop(pick);
  else model.becomeLive(pick);
  return pick % 3 === 0 ? now : old;
}

/** From here on everything works: the run must end. */
function settle(model: Model): void {
  for (let i = 0; i < 100 && model.state !== 'succeeded' && model.state !== 'failed'; i += 1) {
    model.apply(planNext(model.view()));
    model.claim(i);
    model.complete(i);
    model.becomeLive(i);
  }
}

describe('a run planned step by step', () => {
  it('ends well in any order of completions, crashes and stale planners, each stage in its time and each task once', () => {
    fc.assert(
      fc.property(tables, steps(80), (wanted, walk) => {
        const model = new Model(wanted);
        let old = model.view();
        for (const s of walk) old = take(model, s, old);
        settle(model);
        expect(model.state).toBe('succeeded');
      }),
      { numRuns: 500 },
    );
  });

  it('ends failed, with nothing left to do, whenever a task fails for good', () => {
    fc.assert(
      fc.property(tables, steps(80), fc.nat(50), (wanted, walk, pick) => {
        const model = new Model(wanted);
        let old = model.view();
        for (const s of walk) old = take(model, s, old);
        fc.pre(model.view().tasks.some((t) => t.state === 'running'));
        take(model, { what: 'fail', pick }, old);
        settle(model);
        expect(model.state).toBe('failed');
        expect(model.tasks.filter((t) => t.state === 'pending' || t.state === 'running')).toEqual([]);
        expect(planNext(model.view())).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('compares live tables and touches nothing else when validation is the only stage', () => {
    const standing = tables.map((all) => all.map((t) => ({ ...t, before: t.before === 'live' ? 'live' : 'catching-up' })));
    fc.assert(
      fc.property(standing, steps(60), (wanted, walk) => {
        const model = new Model(wanted, ['validate']);
        let old = model.view();
        for (const s of walk) old = take(model, s, old);
        settle(model);
        expect(model.state).toBe('succeeded');
      }),
      { numRuns: 300 },
    );
  });

  it('fails, saying why, when a table is stopped in the middle of its preload, and else succeeds', () => {
    fc.assert(
      fc.property(tables, fc.array(stoppingStep, { maxLength: 80, size: 'max' }), (wanted, walk) => {
        const model = new Model(wanted);
        for (const s of walk) take(model, s, model.view());
        settle(model);
        const here = [...model.phases.values()].some((s) => s.phase === 'stopped' && s.runId === 'r1');
        if (model.state === 'failed') expect([here, model.endedWith]).toEqual([true, expect.stringContaining('too much is parked')]);
        else expect(model.state).toBe('succeeded');
      }),
      { numRuns: 300 },
    );
  });

  it('compares the other tables when some are stopped beneath a validation, and fails where none is left', () => {
    const standing = tables.map((all) => all.map((t) => ({ ...t, before: 'live' })));
    fc.assert(
      fc.property(standing, fc.array(stoppingStep, { maxLength: 60, size: 'max' }), fc.boolean(), (wanted, walk, fails) => {
        const model = new Model(wanted, ['validate']);
        model.apply([...planNext(model.view())]);
        model.apply([...planNext(model.view())]);
        for (const s of walk) {
          take(model, s, model.view());
          // Its comparison fails for that, or comes to nothing.
          if (s.what === 'stop' && fails) model.failStopped();
        }
        settle(model);
        if (model.state === 'failed') expect([model.stopped.length, model.endedWith]).toEqual([wanted.length, expect.stringContaining('too much is parked')]);
        else expect(model.state).toBe('succeeded');
      }),
      { numRuns: 300 },
    );
  });

  it('works every repair, whatever fails or is stopped beside it, and adds none', () => {
    fc.assert(
      fc.property(tables, fc.array(fc.oneof({ weight: 9, arbitrary: stoppingStep }, { weight: 1, arbitrary: fc.record({ what: fc.constant('fail'), pick: fc.nat(50) }) }), { maxLength: 40, size: 'max' }), (wanted, walk) => {
        const model = new Model(wanted, ['repair']);
        const before = model.tasks.length;
        let old = model.view();
        for (const s of walk) old = take(model, s, old);
        settle(model);
        expect([model.state, model.tasks.length]).toEqual([model.finalFailures > 0 ? 'failed' : 'succeeded', before]);
        expect(model.tasks.filter((t) => t.state === 'done')).toHaveLength(before - model.finalFailures);
      }),
      { numRuns: 300 },
    );
  });

  it('gives the same actions for the same view, whoever asks', () => {
    fc.assert(
      fc.property(tables, steps(40), (wanted, walk) => {
        const model = new Model(wanted);
        let old = model.view();
        for (const s of walk) old = take(model, s, old);
        const given = model.view();
        const before = JSON.stringify([given, [...given.phases]]);
        expect(planNext(given)).toEqual(planNext(model.view()));
        expect(JSON.stringify([given, [...given.phases]])).toBe(before);
      }),
      { numRuns: 100 },
    );
  });
});

import { laneOf, type ControlStore, type DeadLetter, type NewTask, type PipelineRecord, type Run, type RunStage, type Task } from '@elstream/control';
import { ElstreamError, silentLogger, silentTracer, type TableMapping } from '@elstream/core';
import { silentObserver } from '../observer';
import type { ReplicationDeps } from '../deps';
import type { PipelineSettings } from '../pipeline';
import type { TableState, Warehouse } from '@elstream/warehouse';

export const STAGES = { load: ['prepare', 'preload', 'validate'], validate: ['validate'], repair: ['repair'] } as const satisfies Record<string, readonly RunStage[]>;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export function mappingOf(id: string, keys = 1): TableMapping {
  const column = (name: string): TableMapping['columns'][number] => ({ source: name, target: name, type: { kind: 'integer', bits: 64 }, targetType: 'bigint', nullable: false, mask: null });
  return { id, source: { schema: 'public', name: id }, target: { schema: 'public', name: id }, columns: ['id', 'b'].map(column), key: [0, 1].slice(0, keys), chunkRows: 10 };
}

export function stateOf(table: string, more: Partial<TableState> = {}): TableState {
  return { table, epoch: 1, phase: 'live', runId: null, liveAt: null, rowsPreloaded: 0, eventsApplied: 0, error: null, stale: null, ...more };
}

export function letterOf(n: number, more: Partial<DeadLetter> = {}): DeadLetter {
  return {
    id: `l${String(n)}`, pipeline: 'p', table: 'a', state: 'parked', origin: 'stream', op: 'insert', key: [String(n)], oldKey: null, row: null, bytes: new Uint8Array(), code: 'X', reason: '', position: null, committedAt: null,
    parkedAt: new Date(0), settledAt: null, note: null, replays: 0, ...more,
  };
}

/** One pipeline `p` with its runs in memory, as far as runs that start by themselves need it. */
export class OnePipeline {
  now = 1_000_000_000_000;
  record: Mutable<PipelineRecord> = { name: 'p', paused: false, streamError: null, identity: null, gapReason: null };
  settings: Partial<Mutable<PipelineSettings>> = { repair: 'manual', validateEveryMs: null, validateMode: 'full', validateSamplePercent: null };
  /** Newest last. */
  readonly runs: Mutable<Run>[] = [];
  readonly tasks: Task[] = [];
  states: TableState[] = [];
  letters: DeadLetter[] = [];
  uses: { readonly table: string; readonly runId: string }[] = [];
  readonly closed: string[] = [];
  mappings = new Map([mappingOf('a'), mappingOf('b', 2)].map((m) => [m.id, m]));
  ticks: { readonly name: string; readonly everyMs: number; readonly tick: (signal: AbortSignal) => Promise<void> }[] = [];

  add(lane: keyof typeof STAGES, state: Run['state'], more: Partial<Run> = {}): Mutable<Run> {
    const finishedAt = state === 'pending' || state === 'running' ? null : new Date(this.now);
    const run = { id: `run ${String(this.runs.length + 1)}`, pipeline: 'p', reason: 'manual', state, stages: STAGES[lane], scope: {}, tables: ['a'], error: null, createdAt: new Date(this.now), startedAt: null, finishedAt, ...more } as const;
    this.runs.push(run);
    return run;
  }

  addTask(runId: string, task: Partial<Task>): void {
    this.tasks.push({ id: `task ${String(this.tasks.length)}`, runId, pipeline: 'p', kind: 'validate-chunk', table: 'a', state: 'done', attempt: 1, epoch: 1, payload: {}, result: null, rows: 0, error: null, ...task });
  }

  /** Those of lane `repair`, with their tasks. */
  get repairs(): readonly { readonly reason: string; readonly tables: readonly string[]; readonly tasks: readonly NewTask['payload'][] }[] {
    const of = this.runs.filter((run) => laneOf(run.stages) === 'repair');
    return of.map((run) => ({ reason: run.reason, tables: run.tables, tasks: this.tasks.filter((t) => t.runId === run.id).map((t) => t.payload) }));
  }

  get deps(): ReplicationDeps {
    const warehouse: Partial<Warehouse> = {
      readTableStates: async () => this.states,
      staleUses: async () => this.uses,
      closeUse: async ({ mapping, runId }) => {
        this.closed.push(`${mapping.id} ${runId}`);
        this.uses = this.uses.filter((use) => use.table !== mapping.id || use.runId !== runId);
      },
    };
    const pipeline = { name: 'p', settings: this.settings, warehouse, mappings: async () => this.mappings };
    return {
      registry: { names: () => ['p'], has: () => true, get: () => pipeline },
      store: this.store as ControlStore,
      bus: { subscribe: () => () => undefined, publish: () => Promise.resolve() },
      queue: {
        repeat: (name: string, everyMs: number, tick: (signal: AbortSignal) => Promise<void>) => {
          this.ticks.push({ name, everyMs, tick });
          return { healthy: () => true, close: () => Promise.resolve() };
        },
      },
      logger: silentLogger,
      observer: silentObserver,
      tracer: silentTracer,
      clock: () => this.now,
      workerId: 'w',
      leaseMs: 9_000,
    } as unknown as ReplicationDeps;
  }

  private get store(): Partial<ControlStore> {
    return {
      readPipeline: async () => this.record,
      readRun: async (id) => this.runs.find((run) => run.id === id) ?? null,
      readRuns: async ({ lane, states, limit }) => [...this.runs].reverse().filter((run) => (lane === undefined || laneOf(run.stages) === lane) && (states === undefined || states.includes(run.state))).slice(0, limit),
      readTasks: async (runId, { kind, state, counted, skip = 0, limit }) =>
        this.tasks.filter((t) => t.runId === runId && (kind === undefined || t.kind === kind) && (state === undefined || t.state === state) && (counted === undefined || Number(t.result?.[counted] ?? 0) > 0)).slice(skip, skip + limit),
      createRun: async ({ reason, tables, stages = STAGES.load, scope = {}, tasks = [] }) => {
        const lane = laneOf(stages);
        const beside = lane === 'validate' ? ['validate', 'load'] : [lane];
        if (this.runs.some((run) => run.finishedAt === null && beside.includes(laneOf(run.stages)))) throw new ElstreamError('RUN_ACTIVE', 'refuse', 'active');
        const run = this.add(lane, 'pending', { reason, tables, scope });
        for (const task of tasks) this.addTask(run.id, { ...task, state: 'pending' });
        return run;
      },
      readDeadLetters: async ({ table, code, ids, state, after, limit }) => {
        const all = this.letters.filter((l) => (table ?? l.table) === l.table && (code ?? l.code) === l.code && (ids?.includes(l.id) ?? true) && (state ?? l.state) === l.state).reverse();
        return all.slice(after === undefined ? 0 : all.findIndex((l) => l.id === after) + 1).slice(0, limit);
      },
      countDeadLetters: async () => [...new Set(this.letters.map((l) => l.table))].map((table) => ({ table, code: 'X', state: 'parked' as const, count: this.letters.filter((l) => l.table === table && l.state === 'parked').length })),
      replayableTables: async (_pipeline, code) => {
        const parked = this.letters.filter((l) => l.state === 'parked' && l.code === code && l.key !== null);
        return [...new Set(parked.map((l) => l.table))].map((table) => {
          const of = parked.filter((l) => l.table === table);
          return { table, newestParkedAt: new Date(Math.max(...of.map((l) => l.parkedAt.getTime()))), leastReplays: Math.min(...of.map((l) => l.replays)) };
        });
      },
      discardDeadLetters: async ({ table }) => {
        const gone = this.letters.filter((l) => (table ?? l.table) === l.table && l.state === 'parked');
        this.letters = this.letters.map((l) => (gone.includes(l) ? { ...l, state: 'discarded' } : l));
        return gone.length;
      },
    };
  }
}

import { laneOf, type ControlStore, type RunLane, type Task, type TaskSummary } from '@elstream/control';
import { DIRECT_PARTITION, ElstreamError, type Checkpoint, type Clock } from '@elstream/core';
import type { PipelineHandle, PipelineRegistry } from '../pipeline';
import { lastValidations } from './last-validations';
import type { Difference, Overview, PipelineOverview, RunOverview, StageProgress, TableProgress } from './overview';
import { historyReportOf, repairReportOf, reportOf } from './validation-report';

/** What the warehouse keeps beside a checkpoint (written in the batch's transaction). */
export interface StreamProgress {
  readonly eventsApplied: number;
  /** Source commit time of the newest applied event or counter, microseconds since 1970. */
  readonly committedAtUs: bigint | null;
}

export interface OverviewDeps {
  readonly registry: PipelineRegistry;
  readonly store: ControlStore;
  readonly clock: Clock;
  readonly readProgress: (pipeline: string) => Promise<StreamProgress | null>;
}

const ALL_TASKS = 100_000;
/** Of a task; nobody waits for them at every look. */
const LARGE_PARTS = ['differences', 'keys', 'deadLetters', 'refused'];
/** Tasks whose differences are held at once. */
const PAGE = 20;

/** In the order in which they matter to people. */
const LANES: readonly RunLane[] = ['load', 'validate', 'repair'];

/** Lag (DESIGN.md, Words): grows while nothing arrives, never negative when the clocks differ a little. Milliseconds. */
export function lagMs(committedAtUs: bigint | null, nowMs: number): number | null {
  return committedAtUs === null ? null : Math.max(0, nowMs - Number(committedAtUs / 1_000n));
}

/** Progress of one stage of one table (or of all, `table` undefined) from the task counts. */
export function stageProgress(summary: readonly TaskSummary[], kind: TaskSummary['kind'], table: string): StageProgress {
  const of = summary.filter((s) => s.kind === kind && s.table === table);
  const done = of.filter((s) => s.state === 'done');
  return { done: sum(done.map((s) => s.tasks)), total: sum(of.map((s) => s.tasks)), rows: sum(done.map((s) => s.rows)) };
}

/** The read model behind the API: everything computed from the tables when asked. */
export function createOverview(deps: OverviewDeps): Overview {
  return {
    pipeline: (name) => pipelineOverview(deps, name),
    run: (runId) => runOverview(deps, runId),
    differences: (runId, limit) => firstDifferences(deps.store, runId, limit),
  };
}

async function pipelineOverview({ registry, store, clock, readProgress }: OverviewDeps, name: string): Promise<PipelineOverview> {
  const pipeline = registry.get(name);
  const record = await store.readPipeline(name);
  const [checkpoints, progress, states, mappings, active, letters] = await Promise.all([
    pipeline.warehouse.readCheckpoints(name),
    readProgress(name),
    pipeline.warehouse.readTableStates(name),
    pipeline.mappings(),
    store.readRuns({ pipeline: name, states: ['pending', 'running'], limit: LANES.length }),
    store.countDeadLetters(name),
  ]);
  const byTable = new Map(states.map((s) => [s.table, s]));
  const validations = await lastValidations(store, name, [...mappings.keys()]);
  const activeRuns = LANES.flatMap((lane) => active.filter((run) => laneOf(run.stages) === lane).map(({ id }) => ({ id, lane })));
  return {
    name,
    paused: record?.paused ?? false,
    streamError: record?.streamError ?? null,
    gapReason: record?.gapReason ?? null,
    lagMs: lagMs(progress?.committedAtUs ?? null, clock()),
    eventsApplied: progress?.eventsApplied ?? 0,
    ...(await capture(pipeline, checkpoints)),
    position: checkpoints.find(({ partition }) => partition === DIRECT_PARTITION)?.next.hex ?? null,
    activeRunId: activeRuns[0]?.id ?? null,
    activeRuns,
    tables: [...mappings.values()].map((mapping) => {
      const state = byTable.get(mapping.id);
      return {
        table: mapping.id,
        target: `${mapping.target.schema}.${mapping.target.name}`,
        phase: state?.phase ?? 'new',
        epoch: state?.epoch ?? 0,
        rowsPreloaded: state?.rowsPreloaded ?? 0,
        eventsApplied: state?.eventsApplied ?? 0,
        error: state?.error ?? null,
        stale: state?.stale ?? null,
        history: mapping.history?.kind ?? null,
        parked: sum(letters.filter((l) => l.table === mapping.id && l.state === 'parked').map((l) => l.count)),
        lastValidation: validations.get(mapping.id) ?? null,
      };
    }),
  };
}

/** Unknown while the source cannot be asked: a source that is down must not take the page with it. */
async function capture(pipeline: PipelineHandle, checkpoints: readonly Checkpoint[]): Promise<Pick<PipelineOverview, 'retainedBytes' | 'eventsBehind' | 'captureTrouble'>> {
  if (checkpoints.length > 0) {
    try {
      const { retainedBytes, eventsBehind, trouble } = await (await pipeline.stream()).status(checkpoints);
      return { retainedBytes, eventsBehind, captureTrouble: trouble };
    } catch (error) {
      if (!(error instanceof ElstreamError)) throw error;
    }
  }
  return { retainedBytes: null, eventsBehind: null, captureTrouble: null };
}

async function runOverview({ registry, store }: OverviewDeps, runId: string): Promise<RunOverview> {
  const run = await store.readRun(runId);
  if (run === null) throw new ElstreamError('RUN_UNKNOWN', 'refuse', `there is no run ${runId}`);
  const summary = await store.summarize(runId);
  const done = (kind: Task['kind']): Promise<readonly Task[]> => store.readTasks(runId, { kind, state: 'done', without: LARGE_PARTS, limit: ALL_TASKS });
  const [checked, finished, repairs] = await Promise.all([done('validate-chunk'), done('finish-validation'), done('repair-rows')]);
  const states = registry.has(run.pipeline) ? await registry.get(run.pipeline).warehouse.readTableStates(run.pipeline) : [];
  const [prepared] = await store.readTasks(runId, { kind: 'prepare', state: 'done', limit: 1 });
  const estimates = (prepared?.result?.['estimatedRows'] ?? {}) as Readonly<Record<string, number | null>>;
  const tables = run.tables.map((table): TableProgress => {
    const state = states.find((s) => s.table === table);
    return {
      table,
      // What an earlier preload left says nothing of a run that has yet to open the table.
      phase: state !== undefined && (state.runId === runId || !run.stages.includes('preload')) ? state.phase : 'new',
      estimatedRows: estimates[table] ?? null,
      preload: stageProgress(summary, 'preload-chunk', table),
      validate: stageProgress(summary, 'validate-chunk', table),
      history: stageProgress(summary, 'history-chunk', table),
      repair: { ...stageProgress(summary, 'repair-rows', table), ...repairReportOf(repairs.filter((t) => t.table === table)) },
      derivedHistory: historyReportOf(finished.find((t) => t.table === table)),
      ...reportOf(checked.filter((t) => t.table === table)),
    };
  });
  return { runId, tables, ...reportOf(checked) };
}

async function firstDifferences(store: Pick<ControlStore, 'readTasks'>, runId: string, limit: number): Promise<readonly Difference[]> {
  const found: Difference[] = [];
  for (let skip = 0, more = true; more && found.length < limit; skip += PAGE) {
    const page = await store.readTasks(runId, { kind: 'validate-chunk', state: 'done', counted: 'differenceCount', without: ['keys'], skip, limit: PAGE });
    for (const difference of page.flatMap(differencesOf)) found.push(difference);
    more = page.length === PAGE;
  }
  return found.slice(0, limit);
}

function differencesOf(task: Task): readonly Difference[] {
  const kept = task.result?.['differences'];
  return Array.isArray(kept) ? (kept as Difference[]) : [];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}

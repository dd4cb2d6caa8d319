import { type Run, type RunEvent } from '@elstream/control';
import { type Difference, type LastValidation, type PipelineOverview, type PipelineSettings, type PlannedRepair, type RunOverview, type TableOverview, type ValidationReport } from '@elstream/replication';
import { type ConnectorReport } from '../services';
import { type Dto } from './schemas';

/** Read model → answers of the API. Pure; every field is named, so that nothing new leaves by accident. */
export function pipelineView(overview: PipelineOverview, settings: PipelineSettings): Dto<'Pipeline'> {
  return {
    name: overview.name,
    paused: overview.paused,
    streamError: overview.streamError,
    gapReason: overview.gapReason,
    lagMs: overview.lagMs,
    eventsApplied: overview.eventsApplied,
    position: overview.position,
    ...retained(overview, settings),
    activeRunId: overview.activeRunId,
    activeRuns: overview.activeRuns.map(({ id, lane }) => ({ id, lane })),
    tables: overview.tables.map(tableView),
  };
}

function tableView({ table, target, phase, epoch, rowsPreloaded, eventsApplied, error, stale, history, parked, lastValidation }: TableOverview): Dto<'PipelineTable'> {
  return { table, target, phase, epoch, rowsPreloaded, eventsApplied, error, stale, history, parked, lastValidation: lastValidation === null ? null : lastValidationView(lastValidation) };
}

function lastValidationView({ runId, finishedAt, scope, rowsCompared, differences, unverified }: LastValidation) {
  return { runId, at: finishedAt.toISOString(), scope, rowsCompared, differences, unverified };
}

export function lagView(overview: PipelineOverview, settings: PipelineSettings): Dto<'Lag'> {
  const { name, lagMs, position, paused } = overview;
  return { pipeline: name, lagMs, position, paused, ...retained(overview, settings) };
}

function retained({ retainedBytes, eventsBehind, captureTrouble }: PipelineOverview, { walLimitBytes }: PipelineSettings) {
  const share = retainedBytes === null || walLimitBytes <= 0 ? null : retainedBytes / walLimitBytes;
  return { retainedBytes, retainedLimitBytes: walLimitBytes, retainedShare: share, eventsBehind: eventsBehind === null ? null : Number(eventsBehind), captureTrouble };
}

export function connectorView({ name, class: connectorClass, state, tasks, trouble, gap, committed, planned, differences }: ConnectorReport): Dto<'Connector'> {
  const names = differences === null ? null : { changed: [...differences.changed], missing: [...differences.missing], unexpected: [...differences.unexpected] };
  return {
    name,
    class: connectorClass,
    state,
    tasks: tasks.map(({ id, state: taskState, failure }) => ({ id, state: taskState, failure })),
    trouble,
    gap,
    committed: committed === null ? null : { position: committed.position.hex, complete: committed.complete },
    planned: { ...planned },
    differences: names,
  };
}

export function runView(run: Run): Dto<'Run'> {
  return {
    id: run.id,
    pipeline: run.pipeline,
    reason: run.reason,
    state: run.state,
    stages: [...run.stages],
    scope: scopeView(run.scope),
    tables: [...run.tables],
    error: run.error,
    createdAt: run.createdAt.toISOString(),
    startedAt: run.startedAt?.toISOString() ?? null,
    finishedAt: run.finishedAt?.toISOString() ?? null,
  };
}

export function repairRunView({ run, keys, leftOut }: PlannedRepair): Dto<'RepairRun'> {
  return { ...runView(run), keys, leftOut };
}

function scopeView({ samplePercent, changed, range }: Run['scope']): Dto<'Run'>['scope'] {
  const bound = (cells: readonly string[] | null): string[] | null => (cells === null ? null : [...cells]);
  return {
    ...(samplePercent === undefined ? {} : { samplePercent }),
    ...(changed === undefined ? {} : { changed }),
    ...(range === undefined ? {} : { range: { from: bound(range.from), to: bound(range.to) } }),
  };
}

export function runDetailView(run: Run, overview: RunOverview): Dto<'RunDetail'> {
  return {
    ...runView(run),
    progress: overview.tables.map((of) => ({
      table: of.table,
      phase: of.phase,
      estimatedRows: of.estimatedRows,
      preload: { ...of.preload },
      validate: { ...of.validate },
      history: { ...of.history },
      repair: { ...of.repair },
      derivedHistory: of.derivedHistory === null ? null : { ...of.derivedHistory },
      ...validationView(of),
    })),
    ...validationView(overview),
  };
}

function validationView({ rowsCompared, confirmedEqual, differences, unverified, ranges, bytesMoved, durationMs, position }: ValidationReport) {
  return { rowsCompared, confirmedEqual, differences, unverified, ranges, bytesMoved, durationMs, position };
}

export function differenceView({ table, key, cells, of, kind, columns, values }: Difference): Dto<'Difference'> {
  const shown = values?.map(({ source, warehouse }) => ({ source, warehouse }));
  return { table, key, cells: [...cells], of, kind, columns: [...columns], ...(shown === undefined ? {} : { values: shown }) };
}

export function eventView(event: RunEvent): Dto<'RunEvent'> {
  return { id: event.id, type: event.type, at: event.at.toISOString(), table: event.table, detail: { ...event.detail } };
}

/** True once nothing of the run will change any more. */
export function hasEnded(run: Run): boolean {
  return run.state !== 'pending' && run.state !== 'running';
}

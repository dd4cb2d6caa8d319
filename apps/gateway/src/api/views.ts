import { type Run, type RunEvent } from '@elstream/control';
import { type PipelineOverview, type PipelineSettings, type RunOverview, type ValidationReport } from '@elstream/replication';
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
    tables: overview.tables.map(({ table, target, phase, epoch, rowsPreloaded, eventsApplied, error }) => ({
      table,
      target,
      phase,
      epoch,
      rowsPreloaded,
      eventsApplied,
      error,
    })),
  };
}

export function lagView(overview: PipelineOverview, settings: PipelineSettings): Dto<'Lag'> {
  const { name, lagMs, position, paused } = overview;
  return { pipeline: name, lagMs, position, paused, ...retained(overview, settings) };
}

function retained({ retainedBytes }: PipelineOverview, { walLimitBytes }: PipelineSettings) {
  const share = retainedBytes === null || walLimitBytes <= 0 ? null : retainedBytes / walLimitBytes;
  return { retainedBytes, retainedLimitBytes: walLimitBytes, retainedShare: share };
}

export function runView(run: Run): Dto<'Run'> {
  return {
    id: run.id,
    pipeline: run.pipeline,
    reason: run.reason,
    state: run.state,
    stages: [...run.stages],
    tables: [...run.tables],
    error: run.error,
    createdAt: run.createdAt.toISOString(),
    startedAt: run.startedAt?.toISOString() ?? null,
    finishedAt: run.finishedAt?.toISOString() ?? null,
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
      ...validationView(of),
    })),
    ...validationView(overview),
  };
}

function validationView({ rowsCompared, confirmedEqual, differences, unverified, ranges, bytesMoved, durationMs, position }: ValidationReport) {
  return { rowsCompared, confirmedEqual, differences, unverified, ranges, bytesMoved, durationMs, position };
}

export function eventView(event: RunEvent): Dto<'RunEvent'> {
  return { id: event.id, type: event.type, at: event.at.toISOString(), table: event.table, detail: { ...event.detail } };
}

/** True once nothing of the run will change any more. */
export function hasEnded(run: Run): boolean {
  return run.state !== 'pending' && run.state !== 'running';
}

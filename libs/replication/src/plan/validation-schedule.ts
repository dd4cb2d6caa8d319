import type { PipelineRecord, Run, RunLane, ValidationScope } from '@elstream/control';
import { ElstreamError, describeError, type Service } from '@elstream/core';
import type { JobWorker } from '@elstream/jobs';
import type { ReplicationDeps } from '../deps';
import type { PipelineHandle, PipelineSettings } from '../pipeline';
import { tell } from '../tell';

const LOOK_MS = 30_000;
/** More runs than a schedule makes in a day. */
const RUNS_OF_A_DAY = 200;

type Settings = Pick<PipelineSettings, 'validateEveryMs' | 'validateMode' | 'validateSamplePercent'>;

export interface ScheduleView {
  readonly record: Pick<PipelineRecord, 'paused' | 'gapReason'>;
  /** Of the lanes `load` and `validate`, the newest at least. */
  readonly runs: readonly Run[];
  readonly settings: Settings;
  /** Milliseconds. */
  readonly now: number;
}

/**
 * Whether a validation is due by the schedule: nothing loads or validates, and the last run that did ended long enough
 * ago, however it ended. Pure.
 */
export function validationDue({ record, runs, settings: { validateEveryMs }, now }: ScheduleView): boolean {
  if (validateEveryMs === null || record.paused || record.gapReason !== null) return false;
  if (runs.some((run) => run.finishedAt === null)) return false;
  const last = Math.max(...runs.map((run) => run.finishedAt?.getTime() ?? 0));
  return runs.length > 0 && now - last >= validateEveryMs;
}

/** What it looks at. With mode `changed` the first of a day (UTC) looks at all: what was damaged without the stream is found then. Pure. */
export function scheduledScope({ runs, settings, now }: Pick<ScheduleView, 'runs' | 'settings' | 'now'>): ValidationScope {
  if (settings.validateMode === 'full') return settings.validateSamplePercent === null ? {} : { samplePercent: settings.validateSamplePercent };
  const day = (at: Date | number): string => new Date(at).toISOString().slice(0, 10);
  const whole = runs.some((run) => run.state === 'succeeded' && Object.keys(run.scope).length === 0 && day(run.createdAt) === day(now));
  return whole ? { changed: true } : {};
}

/** Starts validations by themselves (`validate.every`), in one process at a time. To run beside the planner. */
export function createValidationSchedule(deps: ReplicationDeps): Service {
  return new ValidationSchedule(deps);
}

class ValidationSchedule implements Service {
  private worker: JobWorker | null = null;
  private stopped = false;
  private end: () => void = () => undefined;
  private readonly ended = new Promise<void>((resolve) => (this.end = resolve));

  constructor(private readonly deps: ReplicationDeps) {}

  async run(): Promise<void> {
    if (this.stopped) return;
    const { registry, queue } = this.deps;
    const shortest = registry.names().map((name) => registry.get(name).settings.validateEveryMs ?? LOOK_MS);
    this.worker ??= queue.repeat('validation-schedule', Math.min(LOOK_MS, ...shortest), (signal) => this.tick(signal));
    await this.ended;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.worker?.close();
    this.end();
  }

  private async tick(signal: AbortSignal): Promise<void> {
    const { registry, logger } = this.deps;
    for (const name of registry.names()) {
      if (signal.aborted) return;
      try {
        if (registry.has(name)) await this.look(registry.get(name));
      } catch (error) {
        logger.debug({ pipeline: name, error: describeError(error) }, 'whether a validation is due could not be told just now');
      }
    }
  }

  private async look(pipeline: PipelineHandle): Promise<void> {
    const { store, clock, logger } = this.deps;
    const { name, settings, warehouse } = pipeline;
    if (settings.validateEveryMs === null) return;
    const record = await store.readPipeline(name);
    if (record === null) return;
    const runsOf = (lane: RunLane): Promise<readonly Run[]> => store.readRuns({ pipeline: name, lane, limit: RUNS_OF_A_DAY });
    const runs = [...(await runsOf('load')), ...(await runsOf('validate'))];
    const view: ScheduleView = { record, runs, settings, now: clock() };
    if (!validationDue(view)) return;
    const tables = (await warehouse.readTableStates(name)).filter((s) => s.phase === 'live' && s.stale === null).map((s) => s.table);
    if (tables.length === 0) return;
    try {
      const run = await store.createRun({ pipeline: name, reason: 'schedule', tables, stages: ['validate'], scope: scheduledScope(view) });
      logger.info({ pipeline: name, runId: run.id, tables: tables.length }, 'validation started by schedule');
      tell(this.deps, { type: 'run-changed', pipeline: name, runId: run.id });
    } catch (error) {
      // Somebody was quicker.
      if (!(error instanceof ElstreamError) || error.code !== 'RUN_ACTIVE') throw error;
    }
  }
}

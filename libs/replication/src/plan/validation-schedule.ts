import type { PipelineRecord, Run, RunLane, ValidationScope } from '@elstream/control';
import { ElstreamError, describeError, sleep, type Service } from '@elstream/core';
import type { JobWorker } from '@elstream/jobs';
import type { ReplicationDeps } from '../deps';
import type { PipelineHandle, PipelineSettings } from '../pipeline';
import { tell } from '../tell';

/** Longest time between ticks, milliseconds. */
const TICK_MS = 30_000;
/** Between looks whether the ticks are still what the pipelines want. */
const LOOK_MS = 5_000;
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
export function createValidationSchedule(deps: ReplicationDeps, { lookMs = LOOK_MS }: { readonly lookMs?: number } = {}): Service {
  return new ValidationSchedule(deps, lookMs);
}

class ValidationSchedule implements Service {
  private worker: { readonly everyMs: number; readonly ticks: JobWorker } | null = null;
  private readonly stopping = new AbortController();
  private ended: Promise<void> | null = null;

  constructor(
    private readonly deps: ReplicationDeps,
    private readonly lookMs: number,
  ) {}

  run(): Promise<void> {
    return (this.ended ??= this.loop());
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.ended;
    await this.worker?.ticks.close();
  }

  /** The ticks are worked in one of several processes; each says for itself that it would take them. */
  private async loop(): Promise<void> {
    const { observer, logger } = this.deps;
    for (; !this.stopping.signal.aborted; await sleep(this.lookMs, this.stopping.signal)) {
      try {
        await this.follow();
      } catch (error) {
        logger.warn({ error: describeError(error) }, 'the schedule of validations could not follow the pipelines; tried again');
      }
      if (this.worker?.ticks.healthy() === true) observer.alive('validation-schedule');
    }
  }

  /** As often as the shortest period asks for, also of pipelines added or configured anew meanwhile. */
  private async follow(): Promise<void> {
    const { registry, queue } = this.deps;
    const periods = registry.names().map((name) => (registry.has(name) ? registry.get(name).settings.validateEveryMs : null) ?? TICK_MS);
    const everyMs = Math.min(TICK_MS, ...periods);
    if (this.worker?.everyMs === everyMs) return;
    const before = this.worker;
    this.worker = null;
    if (before !== null) await before.ticks.close();
    if (!this.stopping.signal.aborted) this.worker = { everyMs, ticks: queue.repeat('validation-schedule', everyMs, (signal) => this.tick(signal)) };
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

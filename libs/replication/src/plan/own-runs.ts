import type { PipelineRecord, Run } from '@elstream/control';
import { CAPTURE_RESUMED, ElstreamError, describeError, takesEvents } from '@elstream/core';
import type { TableState } from '@elstream/warehouse';
import type { ReplicationDeps } from '../deps';
import type { PipelineHandle } from '../pipeline';
import { tell } from '../tell';
import { gapRunDue } from './gap-run';
import { createRepairRun, createReplayRun } from './repair-run';
import { replayDue } from './replay-due';
import { staleReason, staleTables } from './stale-run';

/** Differences older than this are no more repaired by themselves: the setting may just have been made, milliseconds. */
const REPAIR_WITHIN_MS = 3_600_000;
const RECENT = 10;

/** What is refused because another was quicker, or because there is no need any more. */
const OVERTAKEN = ['RUN_ACTIVE', 'GAP_GONE', 'NOTHING_TO_REPLAY'];

/**
 * Runs that start by themselves, found by looking: after a log gap (R3), for tables to which columns were added, for rows
 * that capture may have left out, and for the differences that a validation found, where the pipeline wants that. All of it follows from the control tables, so
 * that a planner that takes over goes on.
 */
export class OwnRuns {
  /** Validations whose differences were seen to, so that they are not looked into again and again. */
  private readonly seenTo = new Map<string, Set<string>>();

  constructor(private readonly deps: ReplicationDeps) {}

  async look(pipeline: PipelineHandle, record: PipelineRecord, states: readonly TableState[]): Promise<void> {
    const { store, clock, logger } = this.deps;
    const { name } = pipeline;
    const loads = await store.readRuns({ pipeline: name, lane: 'load', limit: RECENT });
    const stale = staleTables(record, loads, states, clock());
    if (gapRunDue(record, loads[0] ?? null, clock())) {
      const run = await this.unlessOvertaken(() => store.createRun({ pipeline: name, reason: 'log-gap', tables: [] }));
      if (run !== null) logger.warn({ pipeline: name, runId: run.id, reason: record.gapReason }, 'run started by itself after a log gap');
      this.tell(name, run);
    } else if (stale.length > 0) {
      const reason = staleReason(stale, states);
      const run = await this.unlessOvertaken(() => store.createRun({ pipeline: name, reason, tables: stale }));
      if (run !== null) logger.info({ pipeline: name, runId: run.id, tables: stale.length }, reason === 'reload' ? 'run started by itself: events of tables were lost or came out of order' : 'run started by itself: columns were added to tables');
      this.tell(name, run);
    }
    if (record.paused || record.gapReason !== null) return;
    await this.replay(pipeline, states);
    if (pipeline.settings.repair === 'auto') await this.repair(name);
  }

  private tell(pipeline: string, run: Run | null): void {
    if (run !== null) tell(this.deps, { type: 'run-changed', pipeline, runId: run.id });
  }

  /**
   * Rows that capture may have left out when it began again (`CAPTURE_RESUMED`), all that are parked by one run. A table
   * that is being preloaded takes part: a repair is a touch of its epoch. One that is new or stopped, or was taken out of
   * the pipeline, does not: the preload it waits for discards what is parked.
   */
  private async replay(pipeline: PipelineHandle, states: readonly TableState[]): Promise<void> {
    const { store, clock, logger } = this.deps;
    const { name } = pipeline;
    const parked = await store.replayableTables(name, CAPTURE_RESUMED);
    if (parked.length === 0) return;
    const [mappings, active] = [await pipeline.mappings(), new Set(states.filter(takesEvents).map((s) => s.table))];
    const able = parked.filter(({ table }) => active.has(table) && mappings.has(table));
    if (able.length === 0 || !replayDue(able, await this.latestReplay(name), clock())) return;
    const tables = new Set(able.map(({ table }) => table));
    const planned = await this.unlessOvertaken(() => createReplayRun(this.deps, { pipeline: name, filter: { code: CAPTURE_RESUMED }, tables }));
    if (planned !== null) logger.info({ pipeline: name, runId: planned.run.id, tables: tables.size, keys: planned.keys }, 'replay started by itself: rows that capture may have left out are read again');
  }

  /** A replay says in its tasks which code it is for, whoever started it. */
  private async latestReplay(pipeline: string): Promise<Run | null> {
    const { store } = this.deps;
    for (const run of await store.readRuns({ pipeline, lane: 'repair', limit: RECENT })) {
      if (run.finishedAt === null) return run;
      if (run.reason !== 'replay') continue;
      const [task] = await store.readTasks(run.id, { kind: 'repair-rows', without: ['deadLetters'], limit: 1 });
      if (task?.payload['code'] === CAPTURE_RESUMED) return run;
    }
    return null;
  }

  /** Once per run that validated; a repair validates nothing, so none follows another. */
  private async repair(pipeline: string): Promise<void> {
    const { store, clock, logger } = this.deps;
    const since = clock() - REPAIR_WITHIN_MS;
    const validated = (await store.readRuns({ pipeline, states: ['succeeded'], limit: RECENT })).filter((run) => run.stages.includes('validate') && (run.finishedAt?.getTime() ?? 0) >= since);
    const before = this.seenTo.get(pipeline) ?? new Set();
    const seenTo = new Set(validated.map((run) => run.id).filter((id) => before.has(id)));
    this.seenTo.set(pipeline, seenTo);
    for (const run of validated.filter(({ id }) => !seenTo.has(id)).reverse()) {
      if (!(await this.isRepaired(run))) {
        try {
          const { run: repair, keys, leftOut } = await createRepairRun(this.deps, { pipeline, reason: 'repair', from: { runId: run.id } });
          logger.info({ pipeline, runId: repair.id, validation: run.id, keys, leftOut }, 'repair started by itself');
        } catch (error) {
          if (!(error instanceof ElstreamError) || error.recovery !== 'refuse') throw error;
          // Tried again when the repair at work is done.
          if (OVERTAKEN.includes(error.code)) return;
          if (error.code !== 'NOTHING_TO_REPAIR') logger.warn({ pipeline, validation: run.id, error: describeError(error) }, 'differences cannot be repaired by themselves');
        }
      }
      seenTo.add(run.id);
    }
  }

  /** A repair says in its tasks which validation it is for. */
  private async isRepaired(validation: Run): Promise<boolean> {
    const { store } = this.deps;
    for (const run of await store.readRuns({ pipeline: validation.pipeline, lane: 'repair', limit: RECENT })) {
      const [task] = await store.readTasks(run.id, { kind: 'repair-rows', without: ['keys', 'deadLetters'], limit: 1 });
      if (task?.payload['from'] === validation.id) return true;
    }
    return false;
  }

  private async unlessOvertaken<T>(create: () => Promise<T>): Promise<T | null> {
    try {
      return await create();
    } catch (error) {
      if (error instanceof ElstreamError && OVERTAKEN.includes(error.code)) return null;
      throw error;
    }
  }
}

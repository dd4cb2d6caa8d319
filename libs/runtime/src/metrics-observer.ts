import type { HealthRegistry, Metrics } from '@elstream/observability';
import type { Overview, PipelineRegistry, ReplicationObserver, TableOverview } from '@elstream/replication';

/** A loop that has not turned for this long is hung: longer than any back-off and any statement of ours takes in health. */
const LOOP_ALLOWANCE_MS = 660_000;

/** Binds what the work reports to metrics and health. */
export function metricsObserver(metrics: Metrics, health: HealthRegistry): ReplicationObserver {
  return {
    batchApplied: (pipeline, batch) => {
      for (const { table, events } of batch.tables) metrics.eventsApplied.inc({ pipeline, table }, events);
      if (batch.skipped > 0) metrics.eventsSkipped.inc({ pipeline }, batch.skipped);
      metrics.batches.inc({ pipeline });
      metrics.batchSeconds.observe({ pipeline }, batch.ms / 1000);
    },
    chunkLoaded: (pipeline, table, { rows }) => {
      metrics.rowsPreloaded.inc({ pipeline, table }, rows);
      metrics.chunksPreloaded.inc({ pipeline, table });
    },
    taskEnded: (pipeline, kind, outcome) => metrics.tasksEnded.inc({ pipeline, kind, outcome }),
    rowsCompared: (pipeline, table, { rows }) => metrics.rowsCompared.inc({ pipeline, table }, rows),
    rowsRepaired: (pipeline, table, found) => {
      for (const outcome of ['repaired', 'unchanged', 'moved'] as const) if (found[outcome] > 0) metrics.rowsRepaired.inc({ pipeline, table, outcome }, found[outcome]);
    },
    eventsParked: (pipeline, table, count) => metrics.eventsParked.inc({ pipeline, table }, count),
    historyMerged: (pipeline, table, rows) => metrics.historyRowsMerged.inc({ pipeline, table }, rows),
    tableStopped: (pipeline, table) => metrics.tablesStopped.inc({ pipeline, table }),
    schemaFollowed: (pipeline, table) => metrics.schemaChangesFollowed.inc({ pipeline, table }),
    retainedLog: (pipeline, bytes) => metrics.retainedLogBytes.set({ pipeline }, bytes),
    captureTrouble: (pipeline, trouble) => metrics.captureTrouble.set({ pipeline }, trouble === null ? 0 : 1),
    streamFailed: (pipeline, recovery) => metrics.streamFailures.inc({ pipeline, recovery }),
    gapDeclared: (pipeline) => metrics.logGaps.inc({ pipeline }),
    streamActive: (pipeline, active) => metrics.streamActive.set({ pipeline }, active ? 1 : 0),
    leading: (leads) => metrics.leader.set({}, leads ? 1 : 0),
    alive: (loop) => health.touch(loop, LOOP_ALLOWANCE_MS),
  };
}

function refreshTable(metrics: Metrics, pipeline: string, { table, phase, parked, lastValidation }: TableOverview): void {
  metrics.setTablePhase(pipeline, table, phase);
  metrics.deadLettersParked.set({ pipeline, table }, parked);
  if (lastValidation === null) return;
  metrics.differences.set({ pipeline, table }, lastValidation.differences);
  metrics.unverifiedRows.set({ pipeline, table }, lastValidation.unverified);
  metrics.validationFinished.set({ pipeline, table }, lastValidation.finishedAt.getTime() / 1000);
}

/** Gauges that are computed when asked. Returns the function that ends it. */
export function refreshGauges(metrics: Metrics, registry: PipelineRegistry, overview: Overview): () => void {
  return metrics.beforeScrape(async () => {
    for (const name of registry.names()) {
      metrics.retainedLogLimitBytes.set({ pipeline: name }, registry.get(name).settings.walLimitBytes);
      const now = await overview.pipeline(name);
      if (now.lagMs !== null) metrics.lagSeconds.set({ pipeline: name }, now.lagMs / 1000);
      if (now.retainedBytes !== null) metrics.retainedLogBytes.set({ pipeline: name }, now.retainedBytes);
      if (now.eventsBehind !== null) metrics.eventsBehind.set({ pipeline: name }, Number(now.eventsBehind));
      metrics.pipelinePaused.set({ pipeline: name }, now.paused ? 1 : 0);
      for (const of of now.tables) refreshTable(metrics, name, of);
    }
  });
}

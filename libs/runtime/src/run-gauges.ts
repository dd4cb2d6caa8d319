import type { ControlStore } from '@elstream/control';
import type { Metrics } from '@elstream/observability';
import type { PipelineRegistry } from '@elstream/replication';

interface RunGaugeSources {
  readonly registry: Pick<PipelineRegistry, 'names'>;
  readonly store: Pick<ControlStore, 'readRuns' | 'summarize'>;
}

/** Runs of a pipeline that may be in progress at once: one of each lane. */
const LANES = 3;

/** Tasks of the runs in progress. */
export function refreshRunGauges(metrics: Pick<Metrics, 'tasks' | 'beforeScrape'>, { registry, store }: RunGaugeSources): () => void {
  return metrics.beforeScrape(async () => {
    const pipelines = await Promise.all(
      registry.names().map(async (pipeline) => {
        const active = await store.readRuns({ pipeline, states: ['pending', 'running'], limit: LANES });
        return { pipeline, tasks: (await Promise.all(active.map(({ id }) => store.summarize(id)))).flat() };
      }),
    );
    // Together and without a pause between, so that a scrape sees no half of it.
    metrics.tasks.reset();
    for (const { pipeline, tasks } of pipelines) for (const { kind, state, tasks: number } of tasks) metrics.tasks.inc({ pipeline, kind, state }, number);
  });
}

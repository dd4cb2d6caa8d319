import type { ControlStore } from '@elstream/control';
import type { Metrics } from '@elstream/observability';
import type { Overview, PipelineRegistry, RunOverview } from '@elstream/replication';

interface RunGaugeSources {
  readonly registry: Pick<PipelineRegistry, 'names'>;
  readonly store: Pick<ControlStore, 'readRuns' | 'summarize'>;
  readonly overview: Pick<Overview, 'run'>;
}

/** Newest runs looked at for one that validated: validations are asked for one by one. */
const RECENT_RUNS = 10;

/** Tasks of the run in progress, and what the newest validation that went through has found. An ended run changes no more: it is read once. */
export function refreshRunGauges(metrics: Pick<Metrics, 'tasks' | 'differences' | 'unverifiedRows' | 'beforeScrape'>, { registry, store, overview }: RunGaugeSources): () => void {
  const read = new Map<string, RunOverview>();
  return metrics.beforeScrape(async () => {
    const pipelines = await Promise.all(
      registry.names().map(async (pipeline) => {
        const [active] = await store.readRuns({ pipeline, states: ['pending', 'running'], limit: 1 });
        const ended = await store.readRuns({ pipeline, states: ['succeeded'], limit: RECENT_RUNS });
        const validated = ended.find((run) => run.stages.includes('validate'));
        let found = read.get(pipeline) ?? null;
        if (validated !== undefined && found?.runId !== validated.id) {
          found = await overview.run(validated.id);
          read.set(pipeline, found);
        }
        return { pipeline, tasks: active === undefined ? [] : await store.summarize(active.id), found };
      }),
    );
    // Together and without a pause between, so that a scrape sees no half of it.
    metrics.tasks.reset();
    for (const { pipeline, tasks, found } of pipelines) {
      for (const { kind, state, tasks: number } of tasks) metrics.tasks.inc({ pipeline, kind, state }, number);
      for (const { table, differences, unverified } of found?.tables ?? []) {
        metrics.differences.set({ pipeline, table }, differences);
        metrics.unverifiedRows.set({ pipeline, table }, unverified);
      }
    }
  });
}

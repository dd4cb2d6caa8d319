import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { VERSION } from './version';

/** Phases of a table that `elstream_table_phase` knows; the warehouse keeps the truth. */
export const TABLE_PHASES = ['new', 'preloading', 'catching-up', 'live', 'stopped'] as const;

/**
 * Every metric of the product: names, labels and meaning in this one place. Labels hold names of pipelines, tables,
 * phases and states only, never keys or values (R10).
 */
function define(registry: Registry, describe: (metric: MetricDescription) => void = () => undefined) {
  const registers = [registry];
  const told = <L extends string>(type: MetricDescription['type'], name: string, help: string, labelNames: readonly L[]) => {
    describe({ name, type, help, labels: labelNames });
    return { name, help, labelNames, registers };
  };
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) => new Counter(told('counter', name, help, labelNames));
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[]) => new Gauge(told('gauge', name, help, labelNames));
  return {
    eventsApplied: counter('elstream_events_applied_total', 'Change events applied, re-emissions not counted.', ['pipeline', 'table']),
    eventsSkipped: counter('elstream_events_skipped_total', 'Change events recognised as re-emissions or passed over.', ['pipeline']),
    batches: counter('elstream_batches_total', 'Batches committed with their checkpoint.', ['pipeline']),
    batchSeconds: new Histogram({
      ...told('histogram', 'elstream_batch_seconds', 'Seconds from a batch in hand to its commit.', ['pipeline']),
      buckets: [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60],
    }),
    rowsPreloaded: counter('elstream_rows_preloaded_total', 'Rows read from the source by preload.', ['pipeline', 'table']),
    chunksPreloaded: counter('elstream_chunks_preloaded_total', 'Preload chunks committed.', ['pipeline', 'table']),
    rowsCompared: counter('elstream_rows_compared_total', 'Source rows compared by validation.', ['pipeline', 'table']),
    differences: gauge('elstream_differences', 'Confirmed differences found by the last validation.', ['pipeline', 'table']),
    unverifiedRows: gauge('elstream_unverified_rows', 'Rows the last validation could not settle: neither equal nor different.', ['pipeline', 'table']),
    validationFinished: gauge('elstream_validation_finished_timestamp_seconds', 'When the last validation of the table ended, seconds since 1970.', ['pipeline', 'table']),
    rowsRepaired: counter('elstream_rows_repaired_total', 'Rows looked at by repairs, by outcome: repaired, unchanged (both sides were equal), moved (given up because they kept changing).', ['pipeline', 'table', 'outcome']),
    eventsParked: counter('elstream_events_parked_total', 'Change events and preloaded rows parked as dead letters.', ['pipeline', 'table']),
    deadLettersParked: gauge('elstream_dead_letters_parked', 'Dead letters that are neither replayed nor discarded.', ['pipeline', 'table']),
    historyRowsMerged: counter('elstream_history_rows_merged_total', "Superseded row versions fetched from the source's history tables and added.", ['pipeline', 'table']),
    tablesStopped: counter('elstream_tables_stopped_total', 'Times a table was stopped: for too many dead letters, or a schema change that cannot be followed.', ['pipeline', 'table']),
    schemaChangesFollowed: counter('elstream_schema_changes_followed_total', 'Schema changes of source tables that the warehouse followed by itself.', ['pipeline', 'table']),
    lagSeconds: gauge('elstream_lag_seconds', 'Now minus the source time of the newest applied event or counter row.', ['pipeline']),
    captureTrouble: gauge('elstream_capture_trouble', '1 while capture at the source (its connector) does not run.', ['pipeline']),
    eventsBehind: gauge('elstream_events_behind', 'Events in the topics that are not applied yet.', ['pipeline']),
    retainedLogBytes: gauge('elstream_retained_log_bytes', 'Log the source keeps for the pipeline.', ['pipeline']),
    retainedLogLimitBytes: gauge('elstream_retained_log_limit_bytes', 'Limit of the log the source keeps (source.walLimitBytes).', ['pipeline']),
    tasks: gauge('elstream_tasks', 'Tasks of runs that have not ended, by state.', ['pipeline', 'kind', 'state']),
    tasksEnded: counter('elstream_tasks_total', 'Tasks this process has ended or given back, by outcome (done, retry, failed, lost).', ['pipeline', 'kind', 'outcome']),
    queueJobs: gauge('elstream_queue_jobs', 'Jobs in the queue, by state (waiting, active). The queue only delivers: the truth is elstream_tasks.', ['queue', 'state']),
    leader: gauge('elstream_leader', '1 while this process leads the planning of runs.', []),
    streamActive: gauge('elstream_stream_active', '1 while this process reads the stream, 0 while it stands by.', ['pipeline']),
    pipelineFilesInvalid: gauge('elstream_pipeline_files_invalid', '1 while the pipeline files cannot be used as they are and the last good ones stay in force.', []),
    tablePhase: gauge('elstream_table_phase', '1 for the phase the table is in, 0 for the others.', ['pipeline', 'table', 'phase']),
    pipelinePaused: gauge('elstream_pipeline_paused', '1 while the stream is paused.', ['pipeline']),
    streamFailures: counter('elstream_stream_failures_total', 'Times the stream failed, by what followed.', ['pipeline', 'recovery']),
    refreshFailures: counter('elstream_refresh_failures_total', 'Scrapes whose gauges could not be refreshed and are stale.', []),
    logGaps: counter('elstream_log_gaps_total', 'Log gaps declared.', ['pipeline']),
    buildInfo: gauge('elstream_build_info', 'Always 1; the label tells the version.', ['version']),
  };
}

/** A metric as a person reads of it. */
export interface MetricDescription {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
}

/** Every metric of the product, in the order of its definition. */
export function describeMetrics(): readonly MetricDescription[] {
  const all: MetricDescription[] = [];
  define(new Registry(), (metric) => all.push(metric));
  return all;
}

type Definitions = ReturnType<typeof define>;

export interface Metrics extends Definitions {
  readonly registry: Registry;
  /** Media type of `text()`. */
  readonly contentType: string;
  /** Asks `refresh` for the current values of gauges before each scrape (lag is computed when asked); returns its remover. */
  beforeScrape(refresh: () => Promise<void> | void): () => void;
  /** All metrics in the Prometheus text format. A refresh that fails is counted and told, and the scrape goes on with what is there. */
  text(): Promise<string>;
  setTablePhase(pipeline: string, table: string, phase: string): void;
  /** Removes every series of a pipeline that is gone. */
  forgetPipeline(pipeline: string): Promise<void>;
}

export interface MetricsOptions {
  /** Adds Node's own metrics (memory, event loop, garbage collection). Default false. */
  readonly process?: boolean;
  readonly onRefreshError?: (error: unknown) => void;
}

/** Metrics on a registry of their own, so that several services live in one process. */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  const registry = new Registry();
  if (options.process === true) collectDefaultMetrics({ register: registry });
  const metrics = define(registry);
  metrics.buildInfo.set({ version: VERSION }, 1);
  const refreshers = new Set<() => Promise<void> | void>();
  return {
    ...metrics,
    registry,
    contentType: registry.contentType,
    beforeScrape: (refresh) => {
      refreshers.add(refresh);
      return () => refreshers.delete(refresh);
    },
    text: async () => {
      const results = await Promise.allSettled([...refreshers].map(async (refresh) => refresh()));
      for (const result of results) {
        if (result.status === 'fulfilled') continue;
        metrics.refreshFailures.inc();
        options.onRefreshError?.(result.reason);
      }
      return registry.metrics();
    },
    setTablePhase: (pipeline, table, phase) => {
      for (const each of TABLE_PHASES) metrics.tablePhase.set({ pipeline, table, phase: each }, each === phase ? 1 : 0);
    },
    forgetPipeline: async (pipeline) => {
      for (const metric of Object.values(metrics)) {
        const { values } = await metric.get();
        for (const { labels } of values) {
          const { le: _bucket, ...own } = labels as Record<string, string | number>;
          if (own['pipeline'] !== pipeline) continue;
          (metric as { remove(labels: Record<string, string | number>): void }).remove(own);
        }
      }
    },
  };
}

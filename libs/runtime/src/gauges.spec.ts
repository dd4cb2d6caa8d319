import { silentLogger } from '@elstream/core';
import { createInProcessQueue } from '@elstream/jobs-in-process';
import { createMetrics, HealthRegistry } from '@elstream/observability';
import type { LastValidation, Overview, PipelineRegistry, TableOverview } from '@elstream/replication';
import { metricsObserver, refreshGauges } from './metrics-observer';
import { refreshQueueGauges } from './queue-gauges';
import { refreshRunGauges } from './run-gauges';

const lines = async (metrics: ReturnType<typeof createMetrics>, name: string): Promise<string[]> =>
  (await metrics.text()).split('\n').filter((line) => line.startsWith(name));

describe('the gauges of the queue', () => {
  it('tell the jobs by queue and state', async () => {
    const metrics = createMetrics();
    const queue = createInProcessQueue({ logger: silentLogger });
    refreshQueueGauges(metrics, queue);
    await queue.enqueue({ queue: 'preload', taskId: 't1', pipeline: 'p' });
    expect(await lines(metrics, 'elstream_queue_jobs{queue="preload"')).toEqual(['elstream_queue_jobs{queue="preload",state="waiting"} 1', 'elstream_queue_jobs{queue="preload",state="active"} 0']);
    await queue.close();
  });

  it('are gone while the queue cannot be asked', async () => {
    const metrics = createMetrics();
    metrics.queueJobs.set({ queue: 'preload', state: 'waiting' }, 3);
    refreshQueueGauges(metrics, { counts: () => Promise.reject(new Error('down')) });
    expect(await lines(metrics, 'elstream_queue_jobs{')).toEqual([]);
    expect(await lines(metrics, 'elstream_refresh_failures_total')).toEqual(['elstream_refresh_failures_total 2']);
  });
});

describe('the gauges of runs', () => {
  const base = { scope: {}, pipeline: 'p', reason: 'manual' as const, tables: ['t'], error: null, createdAt: new Date(0), startedAt: null, finishedAt: null };

  it('tell the tasks in progress, of all lanes together', async () => {
    const metrics = createMetrics();
    let active = true;
    refreshRunGauges(metrics, {
      registry: { names: () => ['p'] },
      store: {
        readRuns: async () => ['load', 'repair'].map((id) => ({ ...base, id, state: 'running' as const, stages: ['preload' as const] })).slice(active ? 0 : 2),
        summarize: async (id) => ['a', 'b'].map((table) => ({ table, kind: id === 'load' ? ('preload-chunk' as const) : ('repair-rows' as const), state: 'pending' as const, tasks: 4, rows: 0 })),
      },
    });
    expect(await lines(metrics, 'elstream_tasks{')).toEqual(['elstream_tasks{pipeline="p",kind="preload-chunk",state="pending"} 8', 'elstream_tasks{pipeline="p",kind="repair-rows",state="pending"} 8']);
    active = false;
    expect(await lines(metrics, 'elstream_tasks{')).toEqual([]);
  });
});

describe('the gauges of tables', () => {
  it('tell dead letters, and what the last validation came to once there was one', async () => {
    const metrics = createMetrics();
    const table = (name: string, lastValidation: LastValidation | null): TableOverview =>
      ({ table: name, target: name, phase: 'live', epoch: 1, rowsPreloaded: 0, eventsApplied: 0, error: null, stale: null, history: null, parked: 3, lastValidation });
    const last = { runId: 'r', scope: 'full' as const, rowsCompared: 10, differences: 2, unverified: 1, finishedAt: new Date(1_500) };
    const registry = { names: () => ['p'], get: () => ({ settings: { walLimitBytes: 5 } }) } as unknown as PipelineRegistry;
    refreshGauges(metrics, registry, { pipeline: async () => ({ lagMs: null, retainedBytes: null, paused: false, tables: [table('a', last), table('b', null)] }) } as unknown as Overview);
    expect(await lines(metrics, 'elstream_dead_letters_parked{')).toEqual(['elstream_dead_letters_parked{pipeline="p",table="a"} 3', 'elstream_dead_letters_parked{pipeline="p",table="b"} 3']);
    expect(await lines(metrics, 'elstream_differences{')).toEqual(['elstream_differences{pipeline="p",table="a"} 2']);
    expect(await lines(metrics, 'elstream_unverified_rows{')).toEqual(['elstream_unverified_rows{pipeline="p",table="a"} 1']);
    expect(await lines(metrics, 'elstream_validation_finished_timestamp_seconds{')).toEqual(['elstream_validation_finished_timestamp_seconds{pipeline="p",table="a"} 1.5']);
  });
});

describe('metricsObserver', () => {
  it('counts tasks by outcome and shows who leads and who reads', async () => {
    const metrics = createMetrics();
    const observer = metricsObserver(metrics, new HealthRegistry());
    observer.taskEnded('p', 'preload-chunk', 'lost');
    observer.leading(true);
    observer.streamActive('p', true);
    observer.streamActive('q', false);
    expect(await lines(metrics, 'elstream_tasks_total{')).toEqual(['elstream_tasks_total{pipeline="p",kind="preload-chunk",outcome="lost"} 1']);
    expect(await lines(metrics, 'elstream_leader ')).toEqual(['elstream_leader 1']);
    expect(await lines(metrics, 'elstream_stream_active{')).toEqual(['elstream_stream_active{pipeline="p"} 1', 'elstream_stream_active{pipeline="q"} 0']);
  });

  it('counts what is repaired, parked, merged, stopped and followed', async () => {
    const metrics = createMetrics();
    const observer = metricsObserver(metrics, new HealthRegistry());
    observer.rowsRepaired('p', 't', { repaired: 3, unchanged: 0, moved: 1 });
    observer.eventsParked('p', 't', 2);
    observer.historyMerged('p', 't', 5);
    observer.tableStopped('p', 't');
    observer.schemaFollowed('p', 't');
    const of = 'pipeline="p",table="t"';
    expect(await lines(metrics, 'elstream_rows_repaired_total{')).toEqual([`elstream_rows_repaired_total{${of},outcome="repaired"} 3`, `elstream_rows_repaired_total{${of},outcome="moved"} 1`]);
    expect(await lines(metrics, 'elstream_events_parked_total{')).toEqual([`elstream_events_parked_total{${of}} 2`]);
    expect(await lines(metrics, 'elstream_history_rows_merged_total{')).toEqual([`elstream_history_rows_merged_total{${of}} 5`]);
    expect(await lines(metrics, 'elstream_tables_stopped_total{')).toEqual([`elstream_tables_stopped_total{${of}} 1`]);
    expect(await lines(metrics, 'elstream_schema_changes_followed_total{')).toEqual([`elstream_schema_changes_followed_total{${of}} 1`]);
  });
});

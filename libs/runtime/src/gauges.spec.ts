import { silentLogger } from '@elstream/core';
import { createInProcessQueue } from '@elstream/jobs-in-process';
import { createMetrics, HealthRegistry } from '@elstream/observability';
import type { RunOverview } from '@elstream/replication';
import { metricsObserver } from './metrics-observer';
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

  it('tell the tasks in progress, and the differences of the newest validation, read once', async () => {
    const metrics = createMetrics();
    let active = true;
    const run = jest.fn(async (runId: string) => ({ runId, tables: [{ table: 't', differences: 2, unverified: 1 }] }) as unknown as RunOverview);
    refreshRunGauges(metrics, {
      registry: { names: () => ['p'] },
      store: {
        readRuns: async ({ states }) =>
          states?.includes('running') === true
            ? [{ ...base, id: 'now', state: 'running' as const, stages: ['preload' as const] }].slice(active ? 0 : 1)
            : [
                { ...base, id: 'copied', state: 'succeeded' as const, stages: ['preload' as const] },
                { ...base, id: 'validated', state: 'succeeded' as const, stages: ['validate' as const] },
              ],
        summarize: async () => ['a', 'b'].map((table) => ({ table, kind: 'preload-chunk' as const, state: 'pending' as const, tasks: 4, rows: 0 })),
      },
      overview: { run },
    });
    expect(await lines(metrics, 'elstream_tasks{')).toEqual(['elstream_tasks{pipeline="p",kind="preload-chunk",state="pending"} 8']);
    active = false;
    expect(await lines(metrics, 'elstream_tasks{')).toEqual([]);
    expect(await lines(metrics, 'elstream_differences{')).toEqual(['elstream_differences{pipeline="p",table="t"} 2']);
    expect(await lines(metrics, 'elstream_unverified_rows{')).toEqual(['elstream_unverified_rows{pipeline="p",table="t"} 1']);
    expect(run.mock.calls).toEqual([['validated']]);
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
});

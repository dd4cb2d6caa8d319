import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createMetrics, VERSION } from './index';

describe('createMetrics', () => {
  it('has a registry of its own, so that two services live in one process', async () => {
    const [a, b] = [createMetrics(), createMetrics()];
    a.eventsApplied.inc({ pipeline: 'p', table: 'public.t' }, 3);
    expect(await a.text()).toContain('elstream_events_applied_total{pipeline="p",table="public.t"} 3');
    expect(await b.text()).not.toContain('pipeline="p"');
  });

  it('asks for current values before each scrape', async () => {
    const metrics = createMetrics();
    let lag = 1;
    const remove = metrics.beforeScrape(() => metrics.lagSeconds.set({ pipeline: 'p' }, lag));
    expect(await metrics.text()).toContain('elstream_lag_seconds{pipeline="p"} 1');
    lag = 2;
    expect(await metrics.text()).toContain('elstream_lag_seconds{pipeline="p"} 2');
    remove();
    lag = 3;
    expect(await metrics.text()).toContain('elstream_lag_seconds{pipeline="p"} 2');
  });

  it('counts and tells a refresh that fails and still answers', async () => {
    const told: unknown[] = [];
    const metrics = createMetrics({ onRefreshError: (error) => told.push(error) });
    metrics.beforeScrape(() => {
      throw new Error('down');
    });
    expect(await metrics.text()).toContain('elstream_refresh_failures_total 1');
    expect(told).toEqual([new Error('down')]);
  });

  it('shows a table in exactly one phase', async () => {
    const metrics = createMetrics();
    metrics.setTablePhase('p', 't', 'preloading');
    metrics.setTablePhase('p', 't', 'live');
    const series = (await metrics.text()).split('\n').filter((line) => line.startsWith('elstream_table_phase{'));
    expect(series.filter((line) => line.endsWith(' 1'))).toEqual(['elstream_table_phase{pipeline="p",table="t",phase="live"} 1']);
    expect(series).toHaveLength(5);
  });

  it('forgets a pipeline that is gone, histograms included', async () => {
    const metrics = createMetrics();
    for (const pipeline of ['gone', 'kept']) {
      metrics.batches.inc({ pipeline });
      metrics.batchSeconds.observe({ pipeline }, 0.1);
      metrics.setTablePhase(pipeline, 't', 'live');
    }
    await metrics.forgetPipeline('gone');
    const text = await metrics.text();
    expect(text).not.toContain('pipeline="gone"');
    expect(text).toContain('elstream_batch_seconds_count{pipeline="kept"} 1');
  });

  it('tells the version of the product', async () => {
    const { version } = JSON.parse(readFileSync(path.join(__dirname, '..', '..', '..', 'package.json'), 'utf8')) as { version: string };
    expect(VERSION).toBe(version);
    expect(await createMetrics().text()).toContain(`elstream_build_info{version="${version}"} 1`);
  });

  it('adds the metrics of Node when asked', async () => {
    expect(await createMetrics({ process: true }).text()).toContain('process_resident_memory_bytes');
  });
});

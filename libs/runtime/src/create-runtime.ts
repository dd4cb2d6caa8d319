import { randomBytes } from 'node:crypto';
import os from 'node:os';
import { databaseOf, type PipelineConfig } from '@elstream/config';
import { createControlStore } from '@elstream/control-typeorm';
import { ElstreamError, silentTracer, systemClock, type Logger } from '@elstream/core';
import { checkpointEntity, onDatabase, type EntityDataSource } from '@elstream/database';
import { createMetrics, HealthRegistry } from '@elstream/observability';
import { createOverview, type StreamProgress } from '@elstream/replication';
import { connectSource, connectStream, connectWarehouse, createWarehouse } from './adapters';
import { connectPatiently } from './connect';
import { coordinate } from './coordination';
import { boundHeapGrowth } from './heap';
import { metricsObserver, refreshGauges } from './metrics-observer';
import { BoundPipeline } from './pipeline-handle';
import { refreshQueueGauges } from './queue-gauges';
import { BoundRegistry } from './registry';
import { refreshRunGauges } from './run-gauges';
import { PipelineReload } from './reload';
import type { Runtime, RuntimeSettings } from './runtime';

const DEFAULT_LEASE_MS = 15_000;

/** A name no other process has, now or after a restart. */
export function newWorkerId(): string {
  return `${os.hostname()}:${String(process.pid)}:${randomBytes(3).toString('hex')}`;
}

/**
 * Binds adapters to ports: each side's database product, queue and bus in this process or on Redis. The warehouse is
 * connected and its control tables brought up to date before this resolves; sources are connected when first needed, so
 * that one that is away holds up its own pipeline only.
 *
 * @throws ElstreamError `PIPELINES_MISSING`, `WAREHOUSES_DIFFER` (refuse), or a classified error that does not pass by itself
 */
export async function createRuntime(settings: RuntimeSettings): Promise<Runtime> {
  const { logger, clock = systemClock, pipelines: configs, leaseMs = DEFAULT_LEASE_MS, workerId = newWorkerId() } = settings;
  assertOneWarehouse(configs);
  boundHeapGrowth();
  const closers: (() => Promise<void> | void)[] = [];
  /** In reverse order of making, each even if one before failed. */
  const closeAll = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (const close of closers.splice(0).reverse()) {
      try {
        await close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  };
  try {
    const metrics = settings.metrics ?? createMetrics({ process: true });
    const health = settings.health ?? new HealthRegistry({ clock });
    const patience = { logger, ...(settings.signal === undefined ? {} : { signal: settings.signal }) };
    const dataSource = await connectPatiently('the warehouse', () => connectWarehouse(configs, logger), patience);
    closers.push(async () => {
      if (dataSource.isInitialized) await dataSource.destroy();
    });
    closers.push(health.addCheck('warehouse', async () => {
      await onDatabase(dataSource, (sql) => sql.query('SELECT 1'));
    }));
    const store = await createControlStore({ dataSource, logger });
    closers.push(() => store.close());
    await connectPatiently('the warehouse', () => store.migrate(), patience);
    const { queue, bus, check, close: endCoordination } = await coordinate(settings.coordination ?? { kind: 'in-process' }, { logger, clock, leaseMs });
    closers.push(endCoordination);
    if (check !== null) closers.push(health.addCheck('redis', check));
    const bind = (config: PipelineConfig): Promise<BoundPipeline> => bindPipeline(config, { dataSource, store, logger, leaseMs });
    const registry = new BoundRegistry({ store, bus, logger, bind, forget: (name) => metrics.forgetPipeline(name) });
    closers.push(() => registry.close());
    await connectPatiently('the warehouse', () => registry.apply(configs), patience);
    const overview = createOverview({ registry, store, clock, readProgress: (name) => readProgress(dataSource, name) });
    if (settings.overviewMetrics !== false) closers.push(refreshGauges(metrics, registry, overview), refreshRunGauges(metrics, { registry, store }), refreshQueueGauges(metrics, queue));
    if (settings.reload !== undefined) {
      const reload = new PipelineReload({ ...settings.reload, registry, logger, metrics });
      closers.push(() => reload.stop());
      reload.start();
    }
    const deps = { registry, store, bus, queue, logger, observer: metricsObserver(metrics, health), tracer: settings.tracer ?? silentTracer, clock, workerId, leaseMs };
    let closing: Promise<void> | null = null;
    return { configs, registry, store, bus, queue, overview, metrics, health, logger, workerId, deps, close: () => (closing ??= closeAll()) };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

async function bindPipeline(config: PipelineConfig, on: { readonly dataSource: EntityDataSource; readonly store: Runtime['store']; readonly logger: Logger; readonly leaseMs: number }): Promise<BoundPipeline> {
  const logger = on.logger.child({ pipeline: config.name });
  return new BoundPipeline({
    config,
    store: on.store,
    warehouse: await createWarehouse({ dataSource: on.dataSource, pipeline: config.name, logger }),
    connectSource: () => connectSource(config, logger),
    connectStream: () => connectStream(config, logger, on.leaseMs),
  });
}

/** Control tables live in the warehouse: of several there would be several truths in one process. */
function assertOneWarehouse(configs: readonly PipelineConfig[]): void {
  const [first, ...others] = configs;
  if (first === undefined) throw new ElstreamError('PIPELINES_MISSING', 'refuse', 'there is no pipeline; put a pipeline file into PIPELINES_DIR');
  const other = others.find((c) => databaseOf(c.warehouse.url) !== databaseOf(first.warehouse.url));
  if (other !== undefined) {
    throw new ElstreamError('WAREHOUSES_DIFFER', 'refuse', `pipelines ${first.name} and ${other.name} write to different warehouses; start a process for each (PIPELINES_DIR)`, {
      place: { pipeline: other.name, setting: 'warehouse.url' },
    });
  }
}

async function readProgress(dataSource: EntityDataSource, pipeline: string): Promise<StreamProgress | null> {
  return onDatabase(dataSource, async ({ runner }) => {
    const rows = await runner.manager.findBy(checkpointEntity, { pipeline });
    const committed = rows.flatMap(({ committedAtUs }) => (committedAtUs === null ? [] : [BigInt(committedAtUs)]));
    const newest = committed.reduce<bigint | null>((a, b) => (a === null || b > a ? b : a), null);
    return rows.length === 0 ? null : { eventsApplied: rows.reduce((sum, row) => sum + Number(row.eventsApplied), 0), committedAtUs: newest };
  });
}

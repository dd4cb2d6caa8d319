import { randomBytes } from 'node:crypto';
import os from 'node:os';
import { databaseOf, type PipelineConfig } from '@elstream/config';
import { createInProcessBus } from '@elstream/control-in-process';
import { createControlStore } from '@elstream/control-typeorm';
import { ElstreamError, silentTracer, systemClock, type Logger } from '@elstream/core';
import { checkpointEntity, onPostgres, type EntityDataSource } from '@elstream/database';
import { createInProcessQueue } from '@elstream/jobs-in-process';
import { createMetrics, HealthRegistry } from '@elstream/observability';
import { createOverview, type StreamProgress } from '@elstream/replication';
import { createPostgresWarehouse } from '@elstream/warehouse-postgres';
import { connectSource, connectStream, connectWarehouse } from './adapters';
import { connectPatiently } from './connect';
import { boundHeapGrowth } from './heap';
import { metricsObserver, refreshGauges } from './metrics-observer';
import { BoundPipeline } from './pipeline-handle';
import { BoundRegistry } from './registry';
import type { Runtime, RuntimeSettings } from './runtime';

/**
 * Binds adapters to ports: PostgreSQL on both sides, queue and bus in this process. The warehouse is connected and its
 * control tables brought up to date before this resolves; sources are connected when first needed.
 *
 * @throws ElstreamError `PIPELINES_MISSING`, `WAREHOUSES_DIFFER` (refuse), or a classified database error that does not pass by itself
 */
export async function createRuntime(settings: RuntimeSettings): Promise<Runtime> {
  const { logger, clock = systemClock, pipelines: configs } = settings;
  const workerId = settings.workerId ?? `${os.hostname()}:${String(process.pid)}:${randomBytes(3).toString('hex')}`;
  assertOneWarehouse(configs);
  boundHeapGrowth();
  const patience = { logger, ...(settings.signal === undefined ? {} : { signal: settings.signal }) };
  const dataSource = await connectPatiently('the warehouse', () => connectWarehouse(configs, logger), patience);
  try {
    const store = await createControlStore({ dataSource, logger });
    await connectPatiently('the warehouse', () => store.migrate(), patience);
    const bus = createInProcessBus(logger);
    const queue = createInProcessQueue({ logger, clock });
    const pipelines: BoundPipeline[] = [];
    for (const config of configs) {
      await store.registerPipeline(config.name);
      pipelines.push(await bind(config, { dataSource, store, logger }));
    }
    const registry = new BoundRegistry(pipelines, store, bus);
    const overview = createOverview({ registry, store, clock, readProgress: (name) => readProgress(dataSource, name) });
    const metrics = settings.metrics ?? createMetrics({ process: true });
    const health = settings.health ?? new HealthRegistry({ clock });
    const endRefresh = refreshGauges(metrics, registry, overview);
    const endCheck = health.addCheck('warehouse', async () => {
      await onPostgres(dataSource, (sql) => sql.query('SELECT 1'));
    });
    let closing: Promise<void> | null = null;
    const close = async (): Promise<void> => {
      endRefresh();
      endCheck();
      await queue.close();
      await bus.close();
      await registry.close();
      await store.close();
      if (dataSource.isInitialized) await dataSource.destroy();
    };
    const deps = { registry, store, bus, queue, logger, observer: metricsObserver(metrics, health), tracer: silentTracer, clock, workerId, leaseMs: 15_000 };
    return { configs, registry, store, bus, queue, overview, metrics, health, logger, workerId, deps, close: () => (closing ??= close()) };
  } catch (error) {
    await dataSource.destroy();
    throw error;
  }
}

async function bind(config: PipelineConfig, on: { readonly dataSource: EntityDataSource; readonly store: Runtime['store']; readonly logger: Logger }): Promise<BoundPipeline> {
  const logger = on.logger.child({ pipeline: config.name });
  return new BoundPipeline({
    config,
    store: on.store,
    warehouse: await createPostgresWarehouse({ dataSource: on.dataSource, pipeline: config.name, logger }),
    connectSource: () => connectSource(config, logger),
    connectStream: () => connectStream(config, logger),
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
  return onPostgres(dataSource, async ({ runner }) => {
    const row = await runner.manager.findOneBy(checkpointEntity, { pipeline, partition: 0 });
    return row === null ? null : { eventsApplied: Number(row.eventsApplied), committedAtUs: row.committedAtUs === null ? null : BigInt(row.committedAtUs) };
  });
}

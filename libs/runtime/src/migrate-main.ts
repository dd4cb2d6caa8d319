import { databaseOf, loadPipelineDirectory, loadServiceSettings, type PipelineConfig } from '@elstream/config';
import { createControlStore } from '@elstream/control-typeorm';
import { describeError, type Logger } from '@elstream/core';
import { createLogger } from '@elstream/observability';
import { connectWarehouse } from './adapters';
import { connectPatiently } from './connect';

/**
 * Brings the control tables of every warehouse of the pipeline files up to date, then ends: a step of a deployment, so
 * that the services' own accounts need no right to create tables. Needs no source and no Redis. Resolves to the exit
 * code: 0 when all are up to date, 1 when one is not (the reason is logged). A warehouse that does not answer is waited for.
 */
export async function migrateMain(): Promise<number> {
  const stopping = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stopping.abort());
  let logger = createLogger({ fields: { service: 'migrate' } });
  try {
    const settings = loadServiceSettings(process.env, 'migrate');
    logger = createLogger({ level: settings.logLevel, fields: { service: 'migrate' } });
    const configs = loadPipelineDirectory(settings.pipelinesDir, process.env).map((pipeline) => pipeline.config);
    const warehouses = new Map(configs.map((config) => [databaseOf(config.warehouse.url), config]));
    if (warehouses.size === 0) logger.warn({ folder: settings.pipelinesDir }, 'there is no pipeline file in PIPELINES_DIR: nothing to bring up to date');
    for (const config of warehouses.values()) await migrate(config, logger, stopping.signal);
    return 0;
  } catch (error) {
    logger.error({ error: describeError(error) }, 'the control tables could not be brought up to date');
    return 1;
  }
}

async function migrate(config: PipelineConfig, logger: Logger, signal: AbortSignal): Promise<void> {
  const patience = { logger, signal };
  const dataSource = await connectPatiently('the warehouse', () => connectWarehouse([config], logger), patience);
  try {
    const store = await createControlStore({ dataSource, logger });
    await connectPatiently('the warehouse', () => store.migrate(), patience);
    await store.close();
    logger.info({ pipeline: config.name }, 'the control tables of the warehouse are up to date');
  } finally {
    if (dataSource.isInitialized) await dataSource.destroy();
  }
}

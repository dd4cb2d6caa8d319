import { refusalsBefore } from '@elstream/change-stream-kafka';
import type { PipelineConfig } from '@elstream/config';
import { mapTables, tableSelection } from '@elstream/config';
import { describeError, ElstreamError, type Logger } from '@elstream/core';
import { connectSource, connectWarehouse, createWarehouse } from './adapters';
import { adaptersOf } from './products';

/**
 * Everything wrong with what a valid pipeline file names: servers, logins, tables, targets. Connects to both databases
 * for the check alone and changes nothing. Sentences with remedies; empty: the pipeline can be started.
 */
export async function checkConnections(config: PipelineConfig, logger: Logger): Promise<readonly string[]> {
  const problems: string[] = [];
  const collect = async (side: string, look: () => Promise<void>): Promise<void> => {
    try {
      await look();
    } catch (error) {
      if (!(error instanceof ElstreamError)) throw error;
      problems.push(`${side}: ${describeError(error)}`);
    }
  };
  let found: Awaited<ReturnType<typeof sourceTables>> = [];
  await collect('source', async () => {
    found = await sourceTables(config, logger, problems);
  });
  const mapped = mapTables(config, found);
  if (found.length > 0) problems.push(...mapped.problems);
  if (config.stream.type === 'kafka') problems.push(...refusalsBefore(mapped.mappings, adaptersOf[config.source.type].connector));
  await collect('warehouse', async () => {
    const dataSource = await connectWarehouse([config], logger);
    try {
      const warehouse = await createWarehouse({ dataSource, pipeline: config.name, logger });
      problems.push(...(await warehouse.check()), ...(await warehouse.checkTables(mapped.mappings)));
      await warehouse.close();
    } finally {
      await dataSource.destroy();
    }
  });
  return problems;
}

async function sourceTables(config: PipelineConfig, logger: Logger, problems: string[]) {
  const source = await connectSource(config, logger);
  try {
    problems.push(...(await source.check()));
    return await source.describe(tableSelection(config));
  } finally {
    await source.close();
  }
}

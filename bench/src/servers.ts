import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { startEmbeddedPostgres, type EmbeddedServer } from '@elstream/embedded-postgres';
import { scalar, withClient } from './sql';

/** Source and warehouse, each on an embedded server of its own, with durable settings. */
export interface Servers extends AsyncDisposable {
  readonly source: EmbeddedServer;
  readonly warehouse: EmbeddedServer;
  readonly sourceUrl: string;
  readonly warehouseUrl: string;
  /** Folder for files of this run, gone at the end. */
  readonly folder: string;
}

const SHOWN = ['fsync', 'synchronous_commit', 'full_page_writes', 'wal_level', 'shared_buffers', 'max_wal_size', 'work_mem', 'maintenance_work_mem'] as const;

export async function startServers(varDir: string): Promise<Servers> {
  const folder = path.resolve(varDir, `bench-${String(process.pid)}`);
  mkdirSync(folder, { recursive: true });
  const source = await startEmbeddedPostgres({ dataDir: path.join(folder, 'source'), persistent: false });
  const warehouse = await startEmbeddedPostgres({ dataDir: path.join(folder, 'warehouse'), persistent: false });
  await withClient(source.url, (client) => client.query('CREATE DATABASE app'));
  await withClient(warehouse.url, (client) => client.query('CREATE DATABASE warehouse'));
  return {
    source,
    warehouse,
    sourceUrl: source.urlOf('app'),
    warehouseUrl: warehouse.urlOf('warehouse'),
    folder,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([source.stop('immediate'), warehouse.stop('immediate')]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Both servers start the next measurement with nothing left to write from the one before. */
export async function settle({ source, warehouse }: Servers): Promise<void> {
  for (const { url } of [source, warehouse]) await withClient(url, (client) => client.query('CHECKPOINT'));
}

export async function describeServer({ url }: EmbeddedServer): Promise<{ readonly version: string; readonly settings: Record<string, string> }> {
  return withClient(url, async (client) => {
    const settings: Record<string, string> = {};
    for (const name of SHOWN) settings[name] = (await scalar(client, 'SELECT current_setting($1)', [name])) ?? '';
    return { version: (await scalar(client, 'SHOW server_version')) ?? '', settings };
  });
}

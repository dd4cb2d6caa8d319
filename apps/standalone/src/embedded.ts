import path from 'node:path';
import { type Logger } from '@elstream/core';
import { type EmbeddedServer, startEmbeddedPostgres } from '@elstream/embedded-postgres';
import { Client } from 'pg';

export type Side = 'source' | 'warehouse';

export interface EmbeddedOptions {
  /** Folder that holds one data folder per side. */
  readonly folder: string;
  readonly sides: readonly Side[];
  readonly logger: Logger;
  /** false: the data goes with the servers, and is not made safe against a power cut. Default true. */
  readonly keep?: boolean;
  /** Server settings of the source beside the usual ones. */
  readonly sourceSettings?: Readonly<Record<string, string>>;
}

/** Embedded servers of our own, one per side as in life: neither side's log holds the other's changes. */
export interface EmbeddedDatabases {
  readonly servers: ReadonlyMap<Side, EmbeddedServer>;
  /** Connection strings by side. Hold passwords. */
  readonly urls: ReadonlyMap<Side, string>;
  /** Idempotent. What has not stopped after `patienceMs` is ended at once; its next start recovers. */
  stop(patienceMs?: number): Promise<void>;
}

const STOP_PATIENCE_MS = 2_500;

/** Starts the wanted sides at once, each with a database named after it. What fails stops what had started. */
export async function startEmbeddedDatabases(options: EmbeddedOptions): Promise<EmbeddedDatabases> {
  const { sides, keep = true } = options;
  const started = await Promise.allSettled(
    sides.map(async (side) => {
      const server = await startEmbeddedPostgres({
        dataDir: path.join(options.folder, side),
        persistent: keep,
        durable: keep,
        logger: options.logger.child({ side }),
        ...(side === 'source' && options.sourceSettings ? { settings: options.sourceSettings } : {}),
      });
      return [side, server] as const;
    }),
  );
  const servers = new Map(started.flatMap((s) => (s.status === 'fulfilled' ? [s.value] : [])));
  try {
    const failed = started.find((s) => s.status === 'rejected');
    if (failed) throw failed.reason;
    for (const [side, server] of servers) await createDatabase(server.url, side);
  } catch (error) {
    await stopAll(servers, STOP_PATIENCE_MS);
    throw error;
  }
  const urls = new Map([...servers].map(([side, server]) => [side, server.urlOf(side)]));
  let stopped: Promise<void> | undefined;
  return { servers, urls, stop: (patienceMs = STOP_PATIENCE_MS) => (stopped ??= stopAll(servers, patienceMs)) };
}

async function stopAll(servers: ReadonlyMap<Side, EmbeddedServer>, patienceMs: number): Promise<void> {
  await Promise.all(
    [...servers.values()].map(async (server) => {
      const sharper = setTimeout(() => void server.stop('immediate'), patienceMs);
      try {
        await server.stop('fast');
      } finally {
        clearTimeout(sharper);
      }
    }),
  );
}

async function createDatabase(url: string, name: Side): Promise<void> {
  await withClient(url, async (client) => {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${name}`);
  });
}

/** A connection for a few statements. */
export async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, application_name: 'elstream standalone', connectionTimeoutMillis: 30_000 });
  // A connection that breaks between statements would end the process; the next statement reports it.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end();
  }
}

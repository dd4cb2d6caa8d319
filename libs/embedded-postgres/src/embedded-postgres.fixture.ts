import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { type EmbeddedPostgresOptions, type EmbeddedServer, startEmbeddedPostgres } from './index';

/** A scratch folder, gone at the end of `using`. */
export function scratchFolder(): { path: string } & Disposable {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'elstream-embedded-'));
  // Open for passing through: else, as root, every server would be placed elsewhere.
  chmodSync(folder, 0o755);
  return { path: folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

export const start = (dataDir: string, more: Partial<EmbeddedPostgresOptions> = {}): Promise<EmbeddedServer> =>
  startEmbeddedPostgres({ dataDir, durable: false, ...more });

/** The first column of the rows, as `pg` parses it. */
export async function column(server: { readonly url: string }, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: server.url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(sql);
    return rows.map((row) => Object.values(row)[0]);
  } finally {
    await client.end();
  }
}

import { type EmbeddedServer, startEmbeddedPostgres } from '@elstream/embedded-postgres';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { serverRoot } from './server-root';
import { createTestDatabase, type TestDatabase } from './test-database';

/** A server for one test file alone, to be killed, restarted or filled up. */
export interface OwnServer extends EmbeddedServer {
  createDatabase(prefix?: string): Promise<TestDatabase>;
}

/** Starts a private server; stopping it deletes its data. `settings` go on top of the embedded server's defaults. */
export async function startOwnServer(settings: Readonly<Record<string, string>> = {}): Promise<OwnServer> {
  const folder = mkdtempSync(path.join(serverRoot(), 'elstream-own-'));
  // Open for passing through: else, as root, the server would be placed elsewhere.
  chmodSync(folder, 0o755);
  const server = await startEmbeddedPostgres({ dataDir: path.join(folder, 'data'), durable: false, persistent: false, settings });
  const stop = server.stop.bind(server);
  return Object.assign(server, {
    createDatabase: (prefix?: string) => createTestDatabase(prefix, server.url),
    stop: async (mode?: Parameters<typeof stop>[0]) => {
      await stop(mode);
      rmSync(folder, { recursive: true, force: true });
    },
  });
}

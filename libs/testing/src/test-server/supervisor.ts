import { discardDataFolder, identify, startEmbeddedPostgres } from '@elstream/embedded-postgres';
import { createHash, randomBytes } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { readServerState, type ServerState, serverFiles } from './lease';

/** How long the server stays up without a lease, so that one nx task after another finds it. */
const lingerMs = Number(process.env['ELSTREAM_TEST_SERVER_LINGER_MS'] ?? 20_000);

/** Process that holds the workspace's test server. Argument: the folder of the state file. Started by `acquireTestServer`. */
async function main(folder: string): Promise<void> {
  const files = serverFiles(folder);
  const dataDir = path.join(os.tmpdir(), `elstream-test-${createHash('sha256').update(path.resolve(folder)).digest('hex').slice(0, 12)}`, 'data');
  // What a killed supervisor left behind, its server included, is of no use to anybody.
  await discardDataFolder(dataDir);
  const server = await startEmbeddedPostgres({
    dataDir,
    durable: false,
    persistent: false,
    settings: { max_connections: '300', max_replication_slots: '100', max_wal_senders: '100', max_prepared_transactions: '50', log_min_messages: 'fatal' },
  });
  const token = randomBytes(16).toString('hex');
  const holders = new Set<Socket>();
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> =>
    (stopping ??= (async () => {
      if (readServerState(files.state)?.token === token) rmSync(files.state, { force: true });
      await server.stop('immediate');
      rmSync(path.dirname(dataDir), { recursive: true, force: true });
    })());
  const endSoon = (): NodeJS.Timeout => setTimeout(() => void stop().then(() => process.exit(0), fail), lingerMs);
  let timer = endSoon();
  const desk = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      if (holders.delete(socket) && holders.size === 0) timer = endSoon();
    });
    socket.once('data', (asked) => {
      // While stopping nobody is let in: the asker sees a closed connection and starts anew.
      if (stopping || asked.toString() !== `${token}\n`) {
        socket.destroy();
        return;
      }
      holders.add(socket);
      clearTimeout(timer);
      socket.write(`${token}\n`);
    });
  });
  await new Promise<void>((resolve) => desk.listen(0, '127.0.0.1', resolve));
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(name, () => void stop().then(() => process.exit(0), fail));
  const address = desk.address();
  const supervisor = identify(process.pid);
  if (address === null || typeof address === 'string' || !supervisor) throw new Error('no lease port');
  const state: ServerState = { supervisor, leasePort: address.port, token, url: server.url };
  writeFileSync(`${files.state}.tmp`, JSON.stringify(state), { mode: 0o600 });
  renameSync(`${files.state}.tmp`, files.state);
}

function fail(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
}

main(process.argv[2] ?? serverFiles().folder).catch(fail);

import { identify } from '@elstream/embedded-postgres';
import { randomBytes } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { readServerState, type ServerFiles, serverFiles, type ServerState, type SharedServer } from './lease';
import { starters } from './starters';

/** How long the server stays up without a lease, so that one nx task after another finds it. */
const lingerMs = Number(process.env['ELSTREAM_TEST_SERVER_LINGER_MS'] ?? 20_000);

/** Process that holds one shared server of the workspace. Started by `acquireTestServer`. */
async function main(files: ServerFiles): Promise<void> {
  let end: () => void = () => process.exit(1);
  const server = await starters[files.server](files, () => end());
  const token = randomBytes(16).toString('hex');
  const holders = new Set<Socket>();
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> =>
    (stopping ??= (async () => {
      if (readServerState(files.state)?.token === token) rmSync(files.state, { force: true });
      await server.stop();
    })());
  end = () => void stop().then(() => process.exit(0), fail);
  const endSoon = (): NodeJS.Timeout => setTimeout(end, lingerMs);
  let timer = endSoon();
  const desk = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      if (holders.delete(socket) && holders.size === 0) timer = endSoon();
    });
    socket.once('data', (asked) => {
      // One that died by itself is of no use to anybody: the next to ask has another started.
      if (!server.isUp()) end();
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
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(name, end);
  const address = desk.address();
  const supervisor = identify(process.pid);
  if (address === null || typeof address === 'string' || !supervisor) throw new Error('no lease port');
  const state: ServerState = { supervisor, leasePort: address.port, token, of: files.of, url: server.url };
  writeFileSync(`${files.state}.tmp`, JSON.stringify(state), { mode: 0o600 });
  renameSync(`${files.state}.tmp`, files.state);
}

function fail(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
}

const [folder, server = 'postgres', of] = process.argv.slice(2);
main(serverFiles(folder, server as SharedServer, of)).catch(fail);

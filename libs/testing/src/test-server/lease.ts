import { isAlive, type ProcessIdentity } from '@elstream/embedded-postgres';
import { tryLock } from '@elstream/servers';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The workspace's root folder. */
export const workspaceRoot = path.resolve(__dirname, '..', '..', '..', '..');

/** Files through which the processes of one workspace find their shared server. */
export interface ServerFiles {
  readonly folder: string;
  readonly state: string;
  readonly lock: string;
  readonly log: string;
}

export function serverFiles(folder = path.join(workspaceRoot, 'var', 'test-servers')): ServerFiles {
  const at = (name: string): string => path.join(folder, name);
  return { folder, state: at('postgres.json'), lock: at('postgres.lock'), log: at('postgres-supervisor.log') };
}

/** What a supervisor writes once its server is up. `token` keeps other programs on the port from being taken for it. */
export interface ServerState {
  readonly supervisor: ProcessIdentity;
  readonly leasePort: number;
  readonly token: string;
  readonly url: string;
}

/** The right to use the server: it stays up until the last lease is released, or its holder died, and 20 s more. */
export interface Lease {
  readonly url: string;
  release(): void;
}

/**
 * The workspace's test server: the one at `ELSTREAM_TEST_PG_URL` if set, else a running one, else one started now by a
 * detached supervisor. Processes that ask at the same time get the same server.
 */
export async function acquireTestServer(files: ServerFiles = serverFiles()): Promise<Lease> {
  const given = process.env['ELSTREAM_TEST_PG_URL'];
  if (given) return { url: given, release: () => undefined };
  mkdirSync(files.folder, { recursive: true });
  for (const deadline = Date.now() + 90_000; ; await sleep(100)) {
    const lease = await tryLease(files);
    if (lease) return lease;
    if (tryLock(files.lock)) {
      try {
        // Between our look and the lock another process may have started one.
        const other = await tryLease(files);
        if (other) return other;
        await startSupervisor(files);
        const own = await tryLease(files);
        if (own) return own;
      } finally {
        rmSync(files.lock, { force: true });
      }
    }
    if (Date.now() > deadline) throw new Error(`no test server after 90 s; see ${files.log}, or set ELSTREAM_TEST_PG_URL`);
  }
}

export function readServerState(file: string): ServerState | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ServerState;
  } catch {
    // Absent, or cut off by a crash: no server to be found through it.
    return undefined;
  }
}

/** A lease is an open connection: the system closes it for a holder that crashed. */
async function tryLease(files: ServerFiles): Promise<Lease | undefined> {
  const state = readServerState(files.state);
  if (!state || !isAlive(state.supervisor)) return undefined;
  const socket = await greet(state);
  if (!socket) return undefined;
  socket.unref();
  return { url: state.url, release: () => socket.destroy() };
}

function greet({ leasePort, token }: ServerState): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: leasePort });
    const give = (result: Socket | undefined): void => {
      socket.setTimeout(0);
      if (!result) socket.destroy();
      resolve(result);
    };
    // The supervisor going away ends the lease; whoever uses the server then sees its own connection fail.
    socket.on('error', () => give(undefined));
    socket.once('close', () => resolve(undefined));
    socket.setTimeout(5_000, () => give(undefined));
    socket.once('data', (answer) => give(answer.toString() === `${token}\n` ? socket : undefined));
    socket.once('connect', () => socket.write(`${token}\n`));
  });
}

/** Starts the supervisor as a process that outlives us, and waits until it has written its state or ended. */
async function startSupervisor(files: ServerFiles): Promise<void> {
  const before = readServerState(files.state);
  if (before && isAlive(before.supervisor)) process.kill(before.supervisor.pid, 'SIGKILL');
  rmSync(files.state, { force: true });
  const log = openSync(files.log, 'w');
  const register = path.join(workspaceRoot, 'tools', 'swc-register.cjs');
  const main = path.join(workspaceRoot, 'libs', 'testing', 'src', 'test-server', 'supervisor.ts');
  // The environment is named: under jest a child would else get the one jest was started with, not the test's.
  const child = spawn(process.execPath, ['-r', register, main, files.folder], { cwd: workspaceRoot, env: process.env, detached: true, stdio: ['ignore', log, log] });
  let ended = false;
  child.once('exit', () => (ended = true));
  for (const deadline = Date.now() + 60_000; !existsSync(files.state); await sleep(50)) {
    if (ended || Date.now() > deadline) throw new Error(`the test server did not start:\n${readFileSync(files.log, 'utf8').slice(-3_000)}`);
  }
  child.unref();
}

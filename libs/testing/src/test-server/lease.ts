import { isAlive, type ProcessIdentity } from '@elstream/embedded-postgres';
import { tryLock } from '@elstream/servers';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The workspace's root folder. */
export const workspaceRoot = path.resolve(__dirname, '..', '..', '..', '..');

/** The servers that all processes of a workspace share. */
export type SharedServer = 'postgres' | 'kafka' | 'connect';

/** Per server the variable that names one to be used instead. */
const VARIABLES = { postgres: 'ELSTREAM_TEST_PG_URL', kafka: 'KAFKA_BROKERS', connect: 'CONNECT_URL' } as const satisfies Record<SharedServer, string>;

/** Files through which the processes of one workspace find a shared server. */
export interface ServerFiles {
  readonly server: SharedServer;
  /** What the server works for: a Connect's brokers, else empty. One that works for something else is replaced. */
  readonly of: string;
  readonly folder: string;
  readonly state: string;
  readonly lock: string;
  readonly log: string;
}

export function serverFiles(folder = path.join(workspaceRoot, 'var', 'test-servers'), server: SharedServer = 'postgres', of = ''): ServerFiles {
  const at = (ending: string): string => path.join(folder, server + ending);
  return { server, of, folder, state: at('.json'), lock: at('.lock'), log: at('-supervisor.log') };
}

/** What a supervisor writes once its server is up. `token` keeps other programs on the port from being taken for it. */
export interface ServerState {
  readonly supervisor: ProcessIdentity;
  readonly leasePort: number;
  readonly token: string;
  readonly of: string;
  readonly url: string;
}

/** On two busy cores a Java server may take its time. */
const LEASE_TIMEOUT_MS = 150_000;
const START_TIMEOUT_MS = 120_000;

/** The right to use the server: it stays up until the last lease is released, or its holder died, and 20 s more. */
export interface Lease {
  /** Connection string of a PostgreSQL, `host:port` of a Kafka's broker, address of a Connect. */
  readonly url: string;
  release(): void;
  /** Calls back once when the server's supervisor has gone away. */
  onLost(callback: () => void): void;
}

/**
 * The workspace's test server (by default its PostgreSQL): the one named by its variable if that is set, else a running
 * one, else one started now by a detached supervisor. Processes that ask at the same time get the same server.
 */
export async function acquireTestServer(files: ServerFiles = serverFiles()): Promise<Lease> {
  const variable = VARIABLES[files.server];
  const given = process.env[variable];
  if (given) return { url: given, release: () => undefined, onLost: () => undefined };
  mkdirSync(files.folder, { recursive: true });
  for (const deadline = Date.now() + LEASE_TIMEOUT_MS; ; await sleep(100)) {
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
    if (Date.now() > deadline) throw new Error(`no shared ${files.server} after ${String(LEASE_TIMEOUT_MS / 1_000)} s; see ${files.log}, or set ${variable}`);
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
  if (!state || state.of !== files.of || !isAlive(state.supervisor)) return undefined;
  const socket = await greet(state);
  if (!socket) return undefined;
  socket.unref();
  let released = false;
  const release = (): void => {
    released = true;
    socket.destroy();
  };
  return { url: state.url, release, onLost: (callback) => void socket.once('close', () => (released ? undefined : callback())) };
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
  const child = spawn(process.execPath, ['-r', register, main, files.folder, files.server, files.of], { cwd: workspaceRoot, env: process.env, detached: true, stdio: ['ignore', log, log] });
  let ended = false;
  child.once('exit', () => (ended = true));
  for (const deadline = Date.now() + START_TIMEOUT_MS; !existsSync(files.state); await sleep(50)) {
    if (ended || Date.now() > deadline) throw new Error(`the shared ${files.server} did not start:\n${readFileSync(files.log, 'utf8').slice(-3_000)}`);
  }
  child.unref();
}

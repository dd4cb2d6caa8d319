import { sleep } from '@elstream/core';
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, statSync } from 'node:fs';
import { type Socket } from 'node:net';
import path from 'node:path';
import { type Account } from './account';
import { doomedName, removeDataFolder, serverEnvironment } from './data-folder';
import { failure, logTail, remedyFor } from './failure';
import { type StopMode } from './options';
import { signal } from './processes';

/** What is needed to start a server process in a complete data folder. */
export interface Launch {
  readonly binary: string;
  readonly dataDir: string;
  readonly port: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly account: Account | undefined;
  readonly logFile: string;
  readonly timeoutMs: number;
  /** When this process ends without stopping the server, the folder goes too. */
  readonly deleteOnExit: boolean;
}

/** A server process that answered; `exited` resolves when it is gone, for whatever reason. */
export interface Postmaster {
  readonly pid: number;
  readonly exited: Promise<void>;
  /** Sends a signal and keeps this process alive until the server is gone. */
  end(name: NodeJS.Signals): void;
}

/** A start that failed because of something that passes (a taken port, memory of killed backends). */
export class StartRefused extends Error {
  constructor(
    readonly reason: 'port' | 'memory' | 'other',
    readonly log: string,
  ) {
    super(`PostgreSQL did not start (${remedyFor(log)})`);
  }
}

/** Running servers: pid → what to do with them when this process ends without stopping them. */
const running = new Map<number, Launch>();

process.on('exit', () => {
  for (const [pid, launch] of running) {
    signal(pid, launch.deleteOnExit ? 'SIGKILL' : 'SIGINT');
    if (launch.deleteOnExit) removeDataFolder(launch.dataDir);
  }
});

/** Starts the server and waits until it accepts connections. */
export async function launchPostmaster(launch: Launch): Promise<Postmaster> {
  const logStart = statSync(launch.logFile, { throwIfNoEntry: false })?.size ?? 0;
  const child = spawnServer(launch);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  let spawnError: Error | undefined;
  child.once('error', (error) => (spawnError = error));
  const { pid } = child;
  if (pid !== undefined) running.set(pid, launch);
  const release = pid !== undefined && launch.deleteOnExit ? guard(launch.dataDir, pid) : undefined;
  const exited = ended.then(() => {
    if (pid !== undefined) running.delete(pid);
    release?.();
  });
  let gone = false;
  void exited.then(() => (gone = true));
  for (const deadline = Date.now() + launch.timeoutMs; ; await sleep(25)) {
    if (gone) {
      if (spawnError) throw failure(`PostgreSQL could not be run: ${spawnError.message}`, spawnError);
      throw refused(logTail(launch.logFile, logStart));
    }
    if (pid !== undefined && isReady(launch.dataDir, pid)) break;
    if (Date.now() > deadline) {
      child.kill('SIGKILL');
      throw failure(`PostgreSQL was not ready after ${String(launch.timeoutMs)} ms; raise startTimeoutMs. Log:\n${logTail(launch.logFile, logStart)}`);
    }
  }
  // From here the server does not keep this process alive; the exit handler stops it.
  child.unref();
  const end = (name: NodeJS.Signals): void => {
    child.ref();
    signal(pid, name);
  };
  return { pid, exited, end };
}

function spawnServer({ binary, dataDir, port, settings, account, logFile }: Launch): ChildProcess {
  const log = openSync(logFile, 'a', 0o600);
  try {
    const flags = Object.entries({ ...settings, port: String(port) }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    return spawn(binary, ['-D', dataDir, ...flags], {
      cwd: path.parse(binary).root,
      env: serverEnvironment(),
      stdio: ['ignore', log, log],
      // A session of its own: Ctrl-C in a terminal must reach us first, so that clients end before their server.
      detached: true,
      ...(account ? { uid: account.uid, gid: account.gid } : {}),
    });
  } finally {
    closeSync(log);
  }
}

/**
 * A server whose data nobody wants must not outlive us, even when we are killed (or run under jest, whose tests see no
 * `exit` event): a shell waits for the end of a pipe that only we hold, then ends the server and removes the folder,
 * unless another has put one of its own in its place by then. Returns what calls the guard off.
 */
function guard(dataDir: string, pid: number): (() => void) | undefined {
  if (process.platform === 'win32') return undefined;
  const script = 'own=$(ls -di "$2"); read -r _; kill -9 "$1" 2>/dev/null; sleep 1; [ ! -e "$2" ] || [ "$(ls -di "$2")" = "$own" ] || exit 0; rm -rf "$3"; mv "$2" "$3" 2>/dev/null; rm -rf "$3" "$2.log"; rmdir "$(dirname "$2")" 2>/dev/null';
  const shell = spawn('/bin/sh', ['-c', script, 'elstream-guard', String(pid), dataDir, doomedName(dataDir)], { cwd: '/', detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  // Without a shell there is no guard; the exit handler still is.
  shell.on('error', () => undefined);
  shell.stdin.on('error', () => undefined);
  shell.unref();
  // Node's type says Writable; it is a socket, and would keep us alive.
  (shell.stdin as Socket).unref();
  return () => shell.kill('SIGKILL');
}

function refused(log: string): StartRefused {
  if (/could not bind|could not create any TCP/.test(log)) return new StartRefused('port', log);
  if (/shared memory block .* still in use|lock file .* already exists/.test(log)) return new StartRefused('memory', log);
  return new StartRefused('other', log);
}

/** The postmaster writes its state into the eighth line of its pid file. */
function isReady(dataDir: string, pid: number): boolean {
  const file = path.join(dataDir, 'postmaster.pid');
  if (!existsSync(file)) return false;
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines[0] === String(pid) && lines[7]?.trim() === 'ready';
}

const sharper: Readonly<Record<StopMode, readonly NodeJS.Signals[]>> = {
  smart: ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGKILL'],
  fast: ['SIGINT', 'SIGQUIT', 'SIGKILL'],
  immediate: ['SIGQUIT', 'SIGKILL'],
};

/** Ends the server, more sharply each 10 s: a walsender whose reader hangs holds a fast stop up for ever. */
export async function stopPostmaster(postmaster: Postmaster, mode: StopMode): Promise<void> {
  for (const name of sharper[mode]) {
    postmaster.end(name);
    const patience = new AbortController();
    const gone = postmaster.exited.then(() => true);
    const done = await Promise.race([gone, sleep(10_000, patience.signal).then(() => false)]);
    patience.abort();
    if (done) return;
  }
}

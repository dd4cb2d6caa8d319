import { sleep } from '@elstream/core';
import { freePort } from '@elstream/embedded-postgres';
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { type Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { failure, messageOf } from './failure';

/** A server process of our own on a port of 127.0.0.1. It ends with this process, however that ends. */
export interface OwnServer {
  readonly port: number;
  /** Undefined while not running. */
  readonly pid: number | undefined;
  readonly dir: string;
  /** SIGKILL, as a crash would; resolves when it is gone. `restart` brings it back. */
  kill(): Promise<void>;
  /** SIGSTOP: connections stay open, nothing is answered. */
  suspend(): void;
  /** SIGCONT. */
  resume(): void;
  /** Ends it (if it runs) and starts it again on the same port. */
  restart(): Promise<void>;
  /** Ends it, at once if it was suspended, and deletes its folder unless that was given. Idempotent. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Where a server of our own is. */
export interface PlaceOptions {
  /** Folder of its files; made when absent, left alone afterwards. Default: one of its own, deleted with the server. */
  readonly dir?: string;
  /** TCP port on 127.0.0.1. 0 (default): any free one. */
  readonly port?: number;
  /** As `port: 0`, but this one if it is free. */
  readonly preferredPort?: number;
}

/** The folder of a server; `own`: made for it, to be deleted with it. */
export interface ServerFolder {
  readonly dir: string;
  readonly own: boolean;
}

/** @param name of the kind of server, for the folder's own name */
export function serverFolder(given: string | undefined, name: string): ServerFolder {
  if (given === undefined) return { dir: mkdtempSync(path.join(os.tmpdir(), `elstream-${name}-`)), own: true };
  const dir = path.resolve(given);
  mkdirSync(dir, { recursive: true });
  return { dir, own: false };
}

/** What is run; the process itself must become the server, since it is what signals go to. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  /** On top of our own environment. */
  readonly env?: Readonly<Record<string, string>>;
}

interface About extends ServerFolder {
  /** For messages: `redis-server`. */
  readonly what: string;
  /** Gets stdout and stderr; begins anew at each start. */
  readonly logFile: string;
  /** How long a stop waits after SIGTERM before SIGKILL. Default 5,000 ms. */
  readonly stopPatienceMs?: number;
}

interface PortOptions {
  readonly port: number | undefined;
  readonly preferredPort: number | undefined;
  readonly startTimeoutMs: number;
}

/** A start that failed since something else listens on the port. */
class PortTaken extends Error {}

/** The life of a server process: its kind adds the command, and how one sees that it is ready. */
export abstract class PortServer implements OwnServer {
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #port: number;

  constructor(
    private readonly about: About,
    private readonly at: PortOptions,
  ) {
    this.#port = at.port ?? 0;
  }

  /** Asked anew at each try of a start; `port` is known by then. */
  protected abstract command(): Promise<Command>;
  /** Whether this very process answers; asked until it does. Throwing is a no. */
  protected abstract isReady(pid: number): Promise<boolean>;

  get port(): number {
    return this.#port;
  }
  get pid(): number | undefined {
    return this.#child?.pid;
  }
  get dir(): string {
    return this.about.dir;
  }

  /** The first start; one that fails leaves nothing behind. @throws ElstreamError `SERVERS` with the end of the server's log */
  async begin(): Promise<this> {
    try {
      await this.start();
    } catch (error) {
      await this.stop();
      throw error;
    }
    return this;
  }

  /** A port of ours is kept; one that another program took since is waited for, since our clients know only this one. */
  private async start(): Promise<void> {
    const fixed = this.#port !== 0;
    const deadline = Date.now() + this.at.startTimeoutMs;
    for (let preferred = this.at.preferredPort; ; preferred = undefined) {
      if (!fixed) this.#port = preferred ?? (await freePort());
      try {
        // A try that has begun gets the time to tell a taken port from a slow start.
        await this.#launch(Math.max(deadline, Date.now() + 5_000));
        return;
      } catch (error) {
        if (!(error instanceof PortTaken)) throw error;
        if (Date.now() > deadline) throw failure(`port ${String(this.#port)} on 127.0.0.1 is taken by another program; choose another port, or 0 for any free one`, error);
        if (fixed) await sleep(200);
      }
    }
  }

  async #launch(deadline: number): Promise<void> {
    const { what, dir, own, logFile } = this.about;
    const child = spawnServer(await this.command(), dir, logFile);
    let ended: string | undefined;
    this.#child = child;
    const release = child.pid === undefined ? () => undefined : guard(child.pid, own ? dir : undefined);
    this.#exited = new Promise((resolve) => {
      const end = (why: string): void => {
        ended ??= why;
        if (this.#child === child) this.#child = undefined;
        release();
        resolve();
      };
      child.once('exit', (code, signal) => end(`exit ${String(signal ?? code)}`));
      child.once('error', (error) => end(error.message));
    });
    let last = '';
    for (; ; await sleep(20)) {
      if (ended !== undefined) {
        const log = lastLines(readFileSync(logFile, 'utf8'));
        if (/Address already in use/.test(log)) throw new PortTaken(log);
        throw failure(`${what} ended (${ended}); log of ${dir}:\n${log}`);
      }
      try {
        if (child.pid !== undefined && (await this.isReady(child.pid))) break;
      } catch (error) {
        last = messageOf(error);
      }
      if (ended === undefined && Date.now() > deadline) throw failure(`${what} on port ${String(this.#port)} was not ready in time (${last}); raise startTimeoutMs, or see the log in ${dir}`);
    }
    // From here the server does not keep this process alive.
    child.unref();
  }

  kill(): Promise<void> {
    return this.#end(['SIGKILL']);
  }

  suspend(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  async restart(): Promise<void> {
    await this.#end(['SIGTERM', 'SIGKILL']);
    await this.start();
  }

  async stop(): Promise<void> {
    await this.#end(['SIGTERM', 'SIGKILL']);
    if (this.about.own) rmSync(this.about.dir, { recursive: true, force: true });
  }

  async #end(signals: readonly NodeJS.Signals[]): Promise<void> {
    for (const name of signals) {
      const child = this.#child;
      if (!child) return;
      child.ref();
      child.kill(name);
      // A suspended process keeps what it is sent, SIGKILL excepted, until it continues.
      child.kill('SIGCONT');
      const patience = new AbortController();
      await Promise.race([this.#exited, sleep(this.about.stopPatienceMs ?? 5_000, patience.signal)]);
      patience.abort();
    }
    await this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** The end of a log, without the lines of a Java error that say where in the program it was. */
export function lastLines(log: string): string {
  return log
    .trim()
    .split('\n')
    .filter((line) => !/^\s+at /.test(line))
    .slice(-10)
    .join('\n');
}

function spawnServer({ program, args, env }: Command, dir: string, logFile: string): ChildProcess {
  const log = openSync(logFile, 'w', 0o600);
  try {
    // A session of its own: Ctrl-C in a terminal must reach us first, so that clients end before their server.
    return spawn(program, args, { cwd: dir, env: { ...process.env, ...env }, stdio: ['ignore', log, log], detached: true });
  } finally {
    closeSync(log);
  }
}

/**
 * The server must not outlive us, even when we are killed (or run under jest, whose tests see no `exit` event): a shell
 * waits for the end of a pipe that only we hold, then ends the server and removes its folder. Returns what calls it off.
 */
function guard(pid: number, folder: string | undefined): () => void {
  if (process.platform === 'win32') return () => undefined;
  const script = 'read -r _; kill -9 "$1" 2>/dev/null; [ -z "$2" ] || rm -rf "$2"';
  const shell = spawn('/bin/sh', ['-c', script, 'elstream-guard', String(pid), folder ?? ''], { cwd: '/', detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  // Without a shell there is no guard.
  shell.on('error', () => undefined);
  shell.stdin.on('error', () => undefined);
  shell.unref();
  // Node's type says Writable; it is a socket, and would keep us alive.
  (shell.stdin as Socket).unref();
  return () => shell.kill('SIGKILL');
}

import { sleep } from '@elstream/core';
import { freePort } from '@elstream/embedded-postgres';
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { failure, messageOf } from './failure';
import { findRedisServer } from './find-redis';
import { redisCommand } from './resp';

export interface RedisServerOptions {
  /** Folder of its files; made when absent, left alone afterwards. Default: one of its own, deleted with the server. */
  readonly dir?: string;
  /** TCP port on 127.0.0.1. 0 (default): any free one. */
  readonly port?: number;
  /** As `port: 0`, but this one if it is free. */
  readonly preferredPort?: number;
  /** Password of the user `default`. Default: none is asked for. */
  readonly password?: string;
  /** Lines of redis.conf on top of ours, such as `appendonly yes`. */
  readonly config?: readonly string[];
  /** Arguments on top of ours, such as `--maxmemory 1mb`. */
  readonly args?: readonly string[];
  /** How long a start may take, the reading of kept data included. Default 30,000 ms. */
  readonly startTimeoutMs?: number;
}

/** A Redis server of our own on 127.0.0.1. It ends with this process, however that ends. */
export interface RedisServer {
  /** `redis://[:password@]127.0.0.1:port`. May hold a password: never log it. */
  readonly url: string;
  readonly port: number;
  /** Undefined while not running. */
  readonly pid: number | undefined;
  readonly dir: string;
  /** SIGKILL, as a crash would; resolves when it is gone. `restart` brings it back: empty, unless `config` makes it keep its data. */
  kill(): Promise<void>;
  /** SIGSTOP: connections stay open, nothing is answered. */
  suspend(): void;
  /** SIGCONT. */
  resume(): void;
  /** Ends it (if it runs) and starts it again on the same port. */
  restart(): Promise<void>;
  /** Deletes every key of every database. */
  flushAll(): Promise<void>;
  /** Ends it, at once if it was suspended, and deletes its folder unless `dir` was given. Idempotent. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a Redis server that writes nothing to disk, and waits until it answers PING.
 *
 * @throws ElstreamError `SERVERS` with the end of the server's log, or as `findRedisServer`
 */
export async function startRedisServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const binary = await findRedisServer();
  const own = options.dir === undefined;
  const dir = options.dir === undefined ? mkdtempSync(path.join(os.tmpdir(), 'elstream-redis-')) : path.resolve(options.dir);
  mkdirSync(dir, { recursive: true });
  const server = new Server(options, { binary, dir, own });
  try {
    await server.start();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

const STOP_PATIENCE_MS = 5_000;

/** A start that failed since something else listens on the port. */
class PortTaken extends Error {}

class Server implements RedisServer {
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #port: number;

  constructor(
    private readonly options: RedisServerOptions,
    private readonly place: { readonly binary: string; readonly dir: string; readonly own: boolean },
  ) {
    this.#port = options.port ?? 0;
  }

  get url(): string {
    const { password } = this.options;
    return `redis://${password === undefined ? '' : `:${encodeURIComponent(password)}@`}127.0.0.1:${String(this.#port)}`;
  }
  get port(): number {
    return this.#port;
  }
  get pid(): number | undefined {
    return this.#child?.pid;
  }
  get dir(): string {
    return this.place.dir;
  }

  /** A port of ours is kept; one that another program took since is waited for, since our clients know only this one. */
  async start(): Promise<void> {
    const fixed = this.#port !== 0;
    const deadline = Date.now() + (this.options.startTimeoutMs ?? 30_000);
    for (let preferred = this.options.preferredPort; ; preferred = undefined) {
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
    const { binary, dir, own } = this.place;
    const logFile = path.join(dir, 'redis.log');
    const child = spawnServer(binary, writeConfig(dir, this.#port, this.options), this.options.args ?? [], logFile);
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
        const log = readFileSync(logFile, 'utf8').trim().split('\n').slice(-10).join('\n');
        if (/Address already in use/.test(log)) throw new PortTaken(log);
        throw failure(`redis-server ended (${ended}); log of ${dir}:\n${log}`);
      }
      try {
        // Not only PING: on a port that was drawn at the same time another server may answer.
        const info = await redisCommand(this.url, ['INFO', 'server'], 1_000);
        if (info.includes(`process_id:${String(child.pid)}\r\n`) && (await redisCommand(this.url, ['PING'], 1_000)) === 'PONG') break;
      } catch (error) {
        last = messageOf(error);
      }
      if (ended === undefined && Date.now() > deadline) throw failure(`redis-server on port ${String(this.#port)} was not ready in time (${last}); raise startTimeoutMs, or see the log in ${dir}`);
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

  async flushAll(): Promise<void> {
    await redisCommand(this.url, ['FLUSHALL', 'SYNC']);
  }

  async stop(): Promise<void> {
    await this.#end(['SIGTERM', 'SIGKILL']);
    if (this.place.own) rmSync(this.place.dir, { recursive: true, force: true });
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
      await Promise.race([this.#exited, sleep(STOP_PATIENCE_MS, patience.signal)]);
      patience.abort();
    }
    await this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** A file, not arguments: every account can read another's arguments, and the password is among these lines. */
function writeConfig(dir: string, port: number, { password, config = [] }: RedisServerOptions): string {
  const file = path.join(dir, 'redis.conf');
  const lines = [
    'bind 127.0.0.1',
    `port ${String(port)}`,
    'daemonize no',
    'save ""',
    'appendonly no',
    // BullMQ's keys may not be evicted.
    'maxmemory-policy noeviction',
    ...(password === undefined ? [] : [`requirepass ${JSON.stringify(password)}`]),
    ...config,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
  return file;
}

function spawnServer(binary: string, configFile: string, args: readonly string[], logFile: string): ChildProcess {
  const log = openSync(logFile, 'w', 0o600);
  try {
    // A session of its own: Ctrl-C in a terminal must reach us first, so that clients end before their server.
    return spawn(binary, [configFile, ...args], { cwd: path.dirname(configFile), stdio: ['ignore', log, log], detached: true });
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

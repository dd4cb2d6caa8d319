import { identify } from '@elstream/embedded-postgres';
import { eventually, type EventuallyOptions } from '@elstream/testing';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { endsWithUs } from './ends-with-us';

export type ServiceName = 'gateway' | 'preloader' | 'streamer' | 'validator';

const root = path.join(__dirname, '..', '..', '..');
/** Inside the workspace: what a bundle leaves to `require` is found from there. */
const bundlesFolder = path.join(root, 'node_modules', '.cache', 'elstream-services');
/** A service that is not up within this long does not start; generous, for machines under load. */
const START_MS = 60_000;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface FleetOptions {
  /** For logs. */
  readonly folder: string;
  /** What every service is given; of our own environment they see PATH only. */
  readonly env: Readonly<Record<string, string>>;
}

/** One replica of a service: a process that can be started again after each of its ends. */
export class Replica {
  #child: ChildProcess | null = null;
  #exit: Promise<Exit> = Promise.resolve({ code: null, signal: null });
  #expected = false;
  #suspended = false;
  #lives = 0;
  #address: string | null = null;

  constructor(
    readonly name: string,
    readonly service: ServiceName,
    private readonly fleet: { readonly options: FleetOptions; readonly bundle: string; died(replica: Replica, exit: Exit): void },
  ) {}

  /** A new process. Its HTTP port is a free one, told by its log. */
  start(): void {
    if (this.running) throw new Error(`${this.name} is running`);
    this.#lives += 1;
    this.#address = null;
    this.#expected = false;
    this.#suspended = false;
    const log = openSync(this.#logFile, 'w');
    const env = { PATH: process.env['PATH'] ?? '', HTTP_PORT: '0', ...this.fleet.options.env };
    const child = spawn(process.execPath, [this.fleet.bundle], { cwd: this.fleet.options.folder, env, stdio: ['ignore', log, log] });
    closeSync(log);
    this.#child = child;
    const release = endsWithUs(child);
    this.#exit = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#child = null;
        release();
        resolve({ code, signal });
        if (!this.#expected) this.fleet.died(this, { code, signal });
      });
    });
  }

  get running(): boolean {
    return this.#child !== null;
  }

  /** Runs and is not suspended. */
  get awake(): boolean {
    return this.running && !this.#suspended;
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error(`${this.name} is not running`);
    return this.#child.pid;
  }

  /** How often it was started. */
  get lives(): number {
    return this.#lives;
  }

  /** Log of the present life (or the last one). */
  get log(): string {
    return readFileSync(this.#logFile, 'utf8');
  }

  get #logFile(): string {
    return path.join(this.fleet.options.folder, `${this.name}.${String(this.#lives)}.log`);
  }

  /** The same worker names itself so in claims and leases. */
  is(worker: string): boolean {
    return this.running && worker.includes(`:${String(this.pid)}:`);
  }

  /** Where it listens, or null while it has not said so. */
  get address(): string | null {
    return (this.#address ??= /"address":"(http:\/\/[^"]+)"/.exec(this.log)?.[1] ?? null);
  }

  /** Asks for a path; throws when it is not there, or has not answered within `withinMs`. */
  async get(pathname: string, withinMs = 5_000): Promise<{ readonly status: number; readonly body: string }> {
    if (this.address === null) throw new Error(`${this.name} does not listen yet`);
    const response = await fetch(this.address + pathname, { signal: AbortSignal.timeout(withinMs) });
    return { status: response.status, body: await response.text() };
  }

  async ready(options: EventuallyOptions = {}): Promise<void> {
    await eventually(
      async () => {
        const { status, body } = await this.get('/health/ready');
        if (status !== 200) throw new Error(`${String(status)} ${body}`);
      },
      { timeoutMs: START_MS, intervalMs: 50, describe: `${this.name} being ready`, ...options },
    );
  }

  suspend(): void {
    this.#child?.kill('SIGSTOP');
    this.#suspended = true;
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
    this.#suspended = false;
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** SIGTERM; resolves to how it ended and how long that took. */
  async stop(): Promise<Exit & { readonly ms: number }> {
    const began = performance.now();
    const exit = await this.#end('SIGTERM');
    return { ...exit, ms: performance.now() - began };
  }

  async #end(signal: NodeJS.Signals): Promise<Exit> {
    this.#expected = true;
    this.#child?.kill(signal);
    return this.#exit;
  }
}

/** The replicas of the four services, and their end: disposed of, or with this process, however that ends. */
export class Fleet implements AsyncDisposable {
  readonly replicas: readonly Replica[];
  /** Fails when a process ends that was not told to. */
  readonly failed: Promise<never>;
  #fail: (error: Error) => void = () => undefined;

  private constructor(counts: Readonly<Record<ServiceName, number>>, options: FleetOptions, bundles: string) {
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => undefined);
    const died = (replica: Replica, exit: Exit): void => {
      this.#fail(new Error(`${replica.name} ended by itself (code ${String(exit.code)}, signal ${String(exit.signal)})\n${replica.log.slice(-4_000)}`));
    };
    this.replicas = Object.entries(counts).flatMap(([service, n]) =>
      Array.from({ length: n }, (_, i) => new Replica(`${service}-${String(i + 1)}`, service as ServiceName, { options, bundle: path.join(bundles, `${service}.cjs`), died })),
    );
  }

  /** Nothing is started yet. */
  static async create(counts: Readonly<Record<ServiceName, number>>, options: FleetOptions): Promise<Fleet> {
    return new Fleet(counts, options, await bundles());
  }

  of(service: ServiceName): readonly Replica[] {
    return this.replicas.filter((replica) => replica.service === service);
  }

  startAll(): void {
    for (const replica of this.replicas) if (!replica.running) replica.start();
  }

  async ready(): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.ready({ unlessFails: this.failed })));
  }

  /** The ends of all logs, for the error of a test that failed. */
  logs(chars = 1_500): string {
    return this.replicas.filter((replica) => replica.lives > 0).map((replica) => `--- ${replica.name} (life ${String(replica.lives)}, ${replica.awake ? 'awake' : 'not awake'})\n${replica.log.slice(-chars)}`).join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.kill()));
  }
}

let made: Promise<string> | undefined;

/** Folder of `<service>.cjs`, made once per test file; what dead runs left is removed. */
function bundles(): Promise<string> {
  return (made ??= (async () => {
    mkdirSync(bundlesFolder, { recursive: true });
    for (const name of readdirSync(bundlesFolder)) if (identify(Number(name)) === undefined) rmSync(path.join(bundlesFolder, name), { recursive: true, force: true });
    const folder = path.join(bundlesFolder, String(process.pid));
    const child = spawn(process.execPath, [path.join(__dirname, 'bundle-sources.mjs'), folder], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new Error(`the services cannot be bundled:\n${said}`);
    return folder;
  })());
}

afterAll(() => rmSync(path.join(bundlesFolder, String(process.pid)), { recursive: true, force: true }));

import { type ElstreamError, silentLogger, sleep } from '@elstream/core';
import { readFileSync, realpathSync, rmSync } from 'node:fs';
import path from 'node:path';
import { Client } from 'pg';
import { type Account, chooseAccount } from './account';
import { clearFolder, createCluster, inspect, killServerProcesses, makeParents, newPassword, placeDataDir, readState, removeDataFolder, writeState } from './data-folder';
import { freePort } from './free-port';
import { errnoOf, failure } from './failure';
import { type Installation, binary, packagedNativeDir, provideInstallation } from './installation';
import { type EmbeddedPostgresOptions, type EmbeddedServer, type StopMode, serverSettings } from './options';
import { type Launch, type Postmaster, StartRefused, launchPostmaster, stopPostmaster } from './postmaster';
import { identify } from './processes';

interface Cluster {
  readonly options: EmbeddedPostgresOptions;
  readonly account: Account | undefined;
  readonly installation: Installation;
  readonly dataDir: string;
  readonly logFile: string;
  readonly user: string;
  readonly password: string;
}

/**
 * Starts a PostgreSQL of our own in `options.dataDir`, making the cluster at the first start and resuming it at later
 * ones. As root the server runs as an unprivileged account, from places that account can reach.
 *
 * @throws ElstreamError `EMBEDDED_POSTGRES` with the end of the server's log and what to do
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedServer> {
  const startedAt = Date.now();
  const cluster = await openCluster(options);
  const server = new Server(cluster);
  await server.start();
  options.logger?.info({ port: server.port, dataDir: server.dataDir, ms: Date.now() - startedAt }, 'embedded PostgreSQL is up');
  return server;
}

/** Deletes a data folder of ours with whatever a dead process left running in it. One in use is refused. */
export async function discardDataFolder(dataDir: string): Promise<void> {
  const placed = placeDataDir(dataDir, chooseAccount(path.resolve(dataDir)));
  if (inspect(placed) === 'foreign') throw failure(`${placed} is not empty and no data folder of ours; not deleted`);
  await clearFolder(placed);
  deleteFolder(placed, path.resolve(dataDir));
}

/** Stops what a dead process left running in a data folder of ours; the data stays. One in use is refused. */
export async function stopAbandoned(dataDir: string): Promise<void> {
  const placed = placeDataDir(dataDir, chooseAccount(path.resolve(dataDir)));
  if (inspect(placed) === 'complete') await clearFolder(placed);
}

function deleteFolder(placed: string, wanted: string): void {
  removeDataFolder(placed);
  rmSync(`${placed}.initialising`, { recursive: true, force: true });
  rmSync(`${placed}.log`, { force: true });
  if (placed !== wanted) rmSync(path.dirname(placed), { recursive: true, force: true });
}

async function openCluster(options: EmbeddedPostgresOptions): Promise<Cluster> {
  const wanted = path.resolve(options.dataDir);
  const placed = placeDataDir(wanted, chooseAccount(wanted));
  const account = chooseAccount(placed);
  const installation = provideInstallation(options.nativeDir ?? packagedNativeDir(), account);
  makeParents(placed);
  const found = inspect(placed);
  if (found === 'foreign') throw failure(`${placed} is not empty and no data folder of ours; choose another dataDir`);
  await clearFolder(placed);
  if (found !== 'complete') {
    const state = { user: options.user ?? 'postgres', password: options.password ?? newPassword() };
    createCluster({ dataDir: placed, account, installation, state, durable: options.durable !== false });
    options.logger?.info({ dataDir: placed, half: found === 'incomplete' }, 'made a new embedded cluster');
  }
  if (placed !== wanted) (options.logger ?? silentLogger).warn({ wanted, dataDir: placed }, 'the data lies elsewhere: the server account cannot reach the wanted folder');
  const dataDir = realpathSync(placed);
  const major = readFileSync(path.join(dataDir, 'PG_VERSION'), 'utf8').trim();
  if (major !== installation.major) {
    throw failure(`${dataDir} was made by PostgreSQL ${major}, the installed binaries are ${installation.major}; use a new dataDir, or the earlier release of elstream`);
  }
  const { user, password } = readState(dataDir);
  if (options.user !== undefined && options.user !== user) throw failure(`the cluster in ${dataDir} was made with user ${user}, not ${options.user}; give that user, or another dataDir`);
  return { options, account, installation, dataDir, logFile: `${dataDir}.log`, user, password: options.password ?? password };
}

class Server implements EmbeddedServer {
  readonly host = '127.0.0.1';
  readonly #cluster: Cluster;
  #postmaster: Postmaster | undefined;
  #port: number;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#port = cluster.options.port ?? 0;
  }

  get port(): number {
    return this.#port;
  }
  get user(): string {
    return this.#cluster.user;
  }
  get password(): string {
    return this.#cluster.password;
  }
  get dataDir(): string {
    return this.#cluster.dataDir;
  }
  get logFile(): string {
    return this.#cluster.logFile;
  }
  get pid(): number | undefined {
    return this.#postmaster?.pid;
  }
  get url(): string {
    return this.urlOf('postgres');
  }

  urlOf(database: string): string {
    const [user, password, name] = [this.user, this.password, database].map(encodeURIComponent);
    return `postgresql://${user}:${password}@${this.host}:${String(this.#port)}/${name}`;
  }

  /** Any port of ours is kept over restarts; a port that was only remembered or drawn may be taken, then another is. */
  async start(): Promise<void> {
    const { options, dataDir, account } = this.#cluster;
    const fixed = this.#port !== 0;
    const deadline = Date.now() + (options.startTimeoutMs ?? 120_000);
    let port = fixed ? this.#port : (readState(dataDir).port ?? (await freePort()));
    for (;;) {
      try {
        const postmaster = await launchPostmaster(this.#launch(port, deadline - Date.now()));
        void postmaster.exited.then(() => {
          if (this.#postmaster === postmaster) this.#postmaster = undefined;
        });
        this.#postmaster = postmaster;
        break;
      } catch (error) {
        if (!(error instanceof StartRefused)) throw error;
        const again = Date.now() < deadline && (error.reason === 'memory' || (error.reason === 'port' && !fixed));
        if (!again) throw failure(`${error.message}; log file ${this.logFile}:\n${error.log}`);
        if (error.reason === 'port') port = await freePort();
        else await sleep(200);
      }
    }
    this.#port = port;
    await this.#verify();
    const owner = identify(process.pid);
    writeState(dataDir, { user: this.user, password: this.password, port, ...(owner ? { owner } : {}) }, account);
  }

  #launch(port: number, timeoutMs: number): Launch {
    const { options, dataDir, account, installation, logFile } = this.#cluster;
    const deleteOnExit = options.persistent === false;
    return { binary: binary(installation, 'postgres'), dataDir, port, settings: serverSettings(options), account, logFile, timeoutMs, deleteOnExit };
  }

  /** A password given now need not be the one the cluster was made with: said here, not at the first use. */
  async #verify(): Promise<void> {
    const client = new Client({ connectionString: this.url, connectionTimeoutMillis: 30_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
    } catch (error) {
      await this.#end('fast');
      throw wrongPassword(this.dataDir, error);
    } finally {
      await client.end();
    }
  }

  async stop(mode: StopMode = 'fast'): Promise<void> {
    await this.#end(mode);
    if (this.#cluster.options.persistent === false) deleteFolder(this.dataDir, path.resolve(this.#cluster.options.dataDir));
  }

  async #end(mode: StopMode): Promise<void> {
    const postmaster = this.#postmaster;
    if (postmaster) await stopPostmaster(postmaster, mode);
  }

  async kill(): Promise<void> {
    const postmaster = this.#postmaster;
    if (!postmaster) return;
    postmaster.end('SIGKILL');
    await postmaster.exited;
    await killServerProcesses(this.dataDir);
  }

  async restart(): Promise<void> {
    await this.#end('fast');
    await this.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

function wrongPassword(dataDir: string, error: unknown): ElstreamError {
  if (errnoOf(error) === '28P01') return failure(`the cluster in ${dataDir} was made with another password; give that one, or another dataDir`, error);
  return failure(`the server in ${dataDir} started but does not answer`, error);
}

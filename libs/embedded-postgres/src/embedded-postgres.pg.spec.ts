import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, chmodSync, cpSync, existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { canReach, isRoot } from './account';
import { column, scratchFolder, start } from './embedded-postgres.fixture';
import { discardDataFolder } from './index';
import { packagedNativeDir } from './installation';
import { identify, isServerOf } from './processes';

const register = path.join(__dirname, '..', '..', '..', 'tools', 'swc-register.cjs');

/** A process of its own that starts a server in `dataDir`, prints `pid url` and waits to be killed. */
async function startInOtherProcess(dataDir: string, more = 'durable: false'): Promise<{ kill(): Promise<void>; serverPid: number; url: string }> {
  const script = `require(${JSON.stringify(path.join(__dirname, 'index.ts'))}).startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)}, ${more} })
    .then((s) => { console.log(s.pid + ' ' + s.url); setInterval(() => {}, 1e6); })`;
  const child = spawn(process.execPath, ['-r', register, '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const [pid, url] = line.toString().trim().split(' ');
  const kill = async (): Promise<void> => {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  return { kill, serverPid: Number(pid), url: url! };
}

describe('an embedded server', () => {
  it('listens on loopback only, with logical decoding, UTC, UTF-8 and passwords', async () => {
    using folder = scratchFolder();
    await using server = await start(path.join(folder.path, 'data'), { persistent: false, settings: { work_mem: '5MB' } });
    const shown = await column(
      server,
      "SELECT name || '=' || setting FROM pg_settings WHERE name IN ('wal_level', 'listen_addresses', 'unix_socket_directories', 'TimeZone', 'work_mem', 'max_replication_slots', 'server_encoding', 'fsync') ORDER BY name COLLATE \"C\"",
    );
    expect(shown).toEqual(['TimeZone=UTC', 'fsync=off', 'listen_addresses=127.0.0.1', 'max_replication_slots=20', 'server_encoding=UTF8', 'unix_socket_directories=', 'wal_level=logical', 'work_mem=5120']);
    await expect(column({ url: server.url.replace(server.password, 'wrong') }, 'SELECT 1')).rejects.toThrow(/password authentication failed/);
    expect(readdirSync(path.dirname(server.logFile)).length).toBeGreaterThan(0);
  });

  it('resumes its data, password and port at the second start, and writes through by default', async () => {
    using folder = scratchFolder();
    const dataDir = path.join(folder.path, 'data');
    const first = await start(dataDir, { durable: true });
    await column(first, 'CREATE TABLE kept AS SELECT 42 AS n');
    expect(await column(first, 'SHOW fsync')).toEqual(['on']);
    const { url } = first;
    await first.stop();
    await first.stop();
    await using second = await start(dataDir);
    expect(await column(second, 'SELECT n FROM kept')).toEqual([42]);
    expect(second.url).toBe(url);
  });

  it('loses nothing committed when it is killed, and comes back on the same port', async () => {
    using folder = scratchFolder();
    await using server = await start(path.join(folder.path, 'data'), { persistent: false, durable: true });
    expect(await column(server, 'SHOW dynamic_shared_memory_type')).toEqual(['mmap']);
    const { port, pid } = server;
    await column(server, 'CREATE TABLE kept AS SELECT 7 AS n');
    const running = column(server, 'SELECT pg_sleep(600)');
    const cut = expect(running).rejects.toThrow();
    await server.kill();
    await cut;
    expect(server.pid).toBeUndefined();
    await server.restart();
    expect(await column(server, 'SELECT n FROM kept')).toEqual([7]);
    expect(server.port).toBe(port);
    expect(server.pid).not.toBe(pid);
  });

  it('leaves nothing behind when it is not persistent', async () => {
    using folder = scratchFolder();
    const server = await start(path.join(folder.path, 'a', 'data'), { persistent: false });
    const { dataDir, pid } = server;
    await server.stop();
    expect(existsSync(dataDir)).toBe(false);
    expect(readdirSync(path.join(folder.path, 'a'))).toEqual([]);
    expect(identify(pid!)).toBeUndefined();
  });
});

describe('what an earlier start left in the data folder', () => {
  it('an initdb cut short is done again', async () => {
    using folder = scratchFolder();
    const dataDir = path.join(folder.path, 'data');
    mkdirSync(path.join(dataDir, 'base'), { recursive: true });
    writeFileSync(path.join(dataDir, 'PG_VERSION'), '18\n');
    mkdirSync(`${dataDir}.initialising`);
    writeFileSync(path.join(`${dataDir}.initialising`, 'PG_VERSION'), '18\n');
    await using server = await start(dataDir);
    expect(await column(server, 'SELECT 1')).toEqual([1]);
    expect(existsSync(`${dataDir}.initialising`)).toBe(false);
  });

  it.each([
    ['of no process', () => 2 ** 22 - 1],
    ['of another program', () => process.pid],
  ])('a postmaster.pid %s is no obstacle', async (_, pid) => {
    using folder = scratchFolder();
    const dataDir = path.join(folder.path, 'data');
    const first = await start(dataDir);
    const real = first.dataDir;
    await first.kill();
    const file = path.join(real, 'postmaster.pid');
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^\d+/, String(pid())));
    await using second = await start(dataDir);
    expect(await column(second, 'SELECT 1')).toEqual([1]);
  });

  it('a server whose starter was killed is stopped first, its data kept', async () => {
    using folder = scratchFolder();
    const dataDir = path.join(folder.path, 'data');
    const other = await startInOtherProcess(dataDir);
    await column(other, 'CREATE TABLE kept AS SELECT 3 AS n');
    await expect(start(dataDir)).rejects.toThrow(/already runs in .* started by process \d+; stop it/);
    await expect(discardDataFolder(dataDir)).rejects.toThrow(/already runs/);
    await other.kill();
    await using server = await start(dataDir);
    expect(server.pid).not.toBe(other.serverPid);
    expect(await column(server, 'SELECT n FROM kept')).toEqual([3]);
  });

  it('nothing, if its data was not to be kept, even when its starter was killed', async () => {
    using folder = scratchFolder();
    const dataDir = path.join(folder.path, 'own', 'data');
    const other = await startInOtherProcess(dataDir, 'durable: false, persistent: false');
    await other.kill();
    for (const deadline = Date.now() + 30_000; existsSync(path.dirname(dataDir)) && Date.now() < deadline; ) await sleep(50);
    expect(readdirSync(folder.path)).toEqual([]);
    expect(identify(other.serverPid)).toBeUndefined();
  });

  it('a folder whose deletion was cut short is no hindrance, and goes with the next', async () => {
    using folder = scratchFolder();
    const dataDir = path.join(folder.path, 'data');
    mkdirSync(path.join(`${dataDir}.deleting`, 'base'), { recursive: true });
    await using server = await start(dataDir, { persistent: false });
    await server.stop();
    expect(readdirSync(folder.path)).toEqual([]);
    mkdirSync(path.join(`${dataDir}.deleting`, 'base'), { recursive: true });
    await discardDataFolder(dataDir);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it('a server that is discarded ends, with its folder', async () => {
    using folder = scratchFolder();
    const dataDir = path.join(folder.path, 'data');
    const other = await startInOtherProcess(dataDir);
    await other.kill();
    await discardDataFolder(dataDir);
    expect(identify(other.serverPid)).toBeUndefined();
    expect(readdirSync(folder.path)).toEqual([]);
  });
});

describe('binaries', () => {
  it('are finished at run time when install scripts were switched off', async () => {
    using folder = scratchFolder();
    chmodSync(folder.path, 0o755);
    const nativeDir = path.join(folder.path, 'native');
    cpSync(packagedNativeDir(), nativeDir, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (from) => !lstatSync(from).isSymbolicLink() && !from.endsWith('.a'),
    });
    expect(existsSync(path.join(nativeDir, 'lib', 'libicuuc.so.60'))).toBe(false);
    await using server = await start(path.join(folder.path, 'data'), { nativeDir, persistent: false });
    expect(await column(server, 'SELECT 1')).toEqual([1]);
    expect(lstatSync(path.join(nativeDir, 'lib', 'libicuuc.so.60')).isSymbolicLink()).toBe(true);
  });

  it('that are missing are named with the remedy', async () => {
    using folder = scratchFolder();
    await expect(start(path.join(folder.path, 'data'), { nativeDir: folder.path })).rejects.toThrow(/no PostgreSQL binaries in .*npm ci again/);
  });
});

/** As an ordinary user every folder of ours is within reach: the same starts then prove that nothing is moved. */
describe('a parent folder that only its owner can enter', () => {
  it('is no obstacle for data and binaries, and a second start finds the data again', async () => {
    using folder = scratchFolder();
    chmodSync(folder.path, 0o700);
    const nativeDir = path.join(folder.path, 'native');
    cpSync(packagedNativeDir(), nativeDir, { recursive: true, verbatimSymlinks: true, filter: (from) => !from.endsWith('.a') });
    const dataDir = path.join(folder.path, 'var', 'data');
    const first = await start(dataDir, { nativeDir });
    expect(first.dataDir.startsWith(folder.path)).toBe(!isRoot());
    await column(first, 'CREATE TABLE kept AS SELECT 5 AS n');
    const real = first.dataDir;
    await first.stop();
    const second = await start(dataDir, { nativeDir, persistent: false });
    expect(second.dataDir).toBe(real);
    expect(await column(second, 'SELECT n FROM kept')).toEqual([5]);
    await second.stop();
    expect(existsSync(real)).toBe(false);
    // The copy of the binaries is kept for later starts; this one's source goes with the test.
    if (isRoot()) for (const copy of copiesOf(nativeDir)) rmSync(copy, { recursive: true, force: true });
  });

  const copiesOf = (nativeDir: string): string[] => {
    const inode = statSync(path.join(nativeDir, 'bin', 'postgres')).mtimeMs;
    return readdirSync('/var/tmp')
      .filter((name) => name.startsWith('elstream-postgres-'))
      .map((name) => path.join('/var/tmp', name))
      .filter((copy) => statSync(copy).ctimeMs > inode);
  };
});

describe('a start that cannot be', () => {
  it.each([
    ['under a file', (folder: string) => path.join(folder, 'file', 'data'), /cannot make the data folder .*file\/data \(\w+\); choose another dataDir/],
    ['where a file is', (folder: string) => path.join(folder, 'file'), /no data folder of ours; choose another dataDir/],
    ['in a folder with other things', (folder: string) => folder, /no data folder of ours; choose another dataDir/],
    ['in the process file system', () => '/proc/elstream/data', /cannot make the data folder .*choose another dataDir/],
  ])('says why and what to do: %s', async (_, where, message) => {
    using folder = scratchFolder();
    writeFileSync(path.join(folder.path, 'file'), '');
    await expect(start(where(folder.path))).rejects.toThrow(message);
    expect(readdirSync(folder.path)).toEqual(['file']);
  });

  it('names the folder an ordinary user may not write to', () => {
    using folder = scratchFolder();
    chmodSync(folder.path, 0o755);
    const script = `require(${JSON.stringify(path.join(__dirname, 'index.ts'))}).startEmbeddedPostgres({ dataDir: ${JSON.stringify(path.join(folder.path, 'x', 'data'))} }).catch((e) => console.log(e.message))`;
    if (!isRoot()) chmodSync(folder.path, 0o555);
    const stranger = { name: 'stranger', uid: 54321, gid: 54321 };
    // As root we can become somebody who may not; where that somebody cannot read the sources, there is nothing to try.
    if (isRoot() && !(canReach(__dirname, stranger) && canReach(process.execPath, stranger))) return;
    const run = spawnSync(process.execPath, ['-r', register, '-e', script], { cwd: '/', encoding: 'utf8', ...(isRoot() ? { uid: stranger.uid, gid: stranger.gid } : {}) });
    expect(run.stdout + run.stderr).toMatch(/cannot make the data folder .* \(EACCES\); choose another dataDir/);
    chmodSync(folder.path, 0o755);
  });

  it('shows the end of the server log and what to change', async () => {
    using folder = scratchFolder();
    const dataDir = path.join(folder.path, 'data');
    await expect(start(dataDir, { settings: { shared_buffers: 'many' } })).rejects.toThrow(/correct `settings`[\s\S]*invalid value for parameter "shared_buffers"/);
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = taken.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    await expect(start(dataDir, { port })).rejects.toThrow(/the port is taken[\s\S]*could not bind/);
    taken.close();
    const server = await start(dataDir, { password: undefined! });
    await server.stop();
    await expect(start(dataDir, { password: 'another' })).rejects.toThrow(/made with another password/);
    await expect(start(dataDir, { user: 'another' })).rejects.toThrow(/made with user postgres, not another/);
    appendFileSync(path.join(server.dataDir, 'PG_VERSION'), '');
    writeFileSync(path.join(server.dataDir, 'PG_VERSION'), '9\n');
    await expect(start(dataDir)).rejects.toThrow(/made by PostgreSQL 9, the installed binaries are \d+/);
    expect(isServerOf(server.pid ?? 0, server.dataDir)).toBe(false);
  });
});

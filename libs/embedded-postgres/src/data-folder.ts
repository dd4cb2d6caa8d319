import { sleep } from '@elstream/core';
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Account, canReach, statOf } from './account';
import { errnoOf, failure, remedyFor } from './failure';
import { type Installation, binary } from './installation';
import { type ProcessIdentity, identify, isAlive, isServerOf, processesIn, signal } from './processes';
import { scratchBases } from './scratch';

/** What we remember in a data folder of ours, beside PostgreSQL's files. Holds the password: mode 0600. */
export interface FolderState {
  readonly user: string;
  readonly password: string;
  /** Port of the last start. */
  readonly port?: number;
  /** The process that last started a server here. */
  readonly owner?: ProcessIdentity;
}

const stateFile = (dataDir: string): string => path.join(dataDir, 'elstream.json');

/**
 * Where the data lies: the wanted folder, or, when the account cannot reach it, one in a scratch folder named by a hash
 * of the wanted path, so that the next start finds it again.
 */
export function placeDataDir(wanted: string, account: Account | undefined): string {
  const resolved = path.resolve(wanted);
  if (canReach(path.dirname(resolved), account)) return resolved;
  const [base] = scratchBases(account);
  if (base === undefined) throw failure(`no folder that ${account?.name ?? 'we'} can reach: open ${path.dirname(resolved)} (chmod o+x) or choose another dataDir`);
  return path.join(base, `elstream-${createHash('sha256').update(resolved).digest('hex').slice(0, 16)}`, 'data');
}

/**
 * Makes the folder's parents; those that are new are open for passing through, whatever the umask. One by one: where a
 * folder cannot be made though its parent exists (/proc), Node's recursive mkdir never returns.
 */
export function makeParents(dataDir: string): void {
  const missing: string[] = [];
  for (let at = path.dirname(dataDir); !existsSync(at) && at !== path.dirname(at); at = path.dirname(at)) missing.unshift(at);
  try {
    for (const folder of missing) {
      mkdirSync(folder);
      chmodSync(folder, 0o755);
    }
    // Complains when the parent is a file.
    readdirSync(path.dirname(dataDir));
  } catch (error) {
    throw folderFailure(dataDir, error);
  }
}

const folderFailure = (dataDir: string, error: unknown): Error =>
  failure(`cannot make the data folder ${dataDir} (${errnoOf(error) ?? 'unknown error'}); choose another dataDir, or give this user the right to write there`, error);

/** `incomplete`: an initdb that never ended; there can be no data in it. `foreign`: not ours, not touched. */
export function inspect(dataDir: string): 'absent' | 'incomplete' | 'complete' | 'foreign' {
  try {
    const stat = statOf(dataDir);
    if (!stat) return 'absent';
    if (!stat.isDirectory()) return 'foreign';
    if (readdirSync(dataDir).length === 0) return 'absent';
  } catch (error) {
    throw folderFailure(dataDir, error);
  }
  const cluster = existsSync(path.join(dataDir, 'PG_VERSION'));
  const control = existsSync(path.join(dataDir, 'global', 'pg_control'));
  if (cluster && control && existsSync(stateFile(dataDir))) return 'complete';
  return cluster && !control ? 'incomplete' : 'foreign';
}

/**
 * Deletes a data folder, under another name: one deleted by half, because we were killed meanwhile, would be no data folder
 * of ours any more, which nobody takes away. What an earlier deletion left goes too.
 */
export function removeDataFolder(dataDir: string): void {
  const doomed = doomedName(dataDir);
  rmSync(doomed, { recursive: true, force: true, maxRetries: 5 });
  try {
    renameSync(dataDir, doomed);
  } catch (error) {
    // Nothing was there, or the guard of a killed starter is just deleting it.
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
  rmSync(doomed, { recursive: true, force: true, maxRetries: 5 });
}

export const doomedName = (dataDir: string): string => `${dataDir}.deleting`;

export function readState(dataDir: string): FolderState {
  return JSON.parse(readFileSync(stateFile(dataDir), 'utf8')) as FolderState;
}

export function writeState(dataDir: string, state: FolderState, account: Account | undefined): void {
  const draft = `${stateFile(dataDir)}.tmp`;
  writeFileSync(draft, JSON.stringify(state), { mode: 0o600 });
  if (account) chownSync(draft, account.uid, account.gid);
  renameSync(draft, stateFile(dataDir));
}

export interface NewCluster {
  readonly dataDir: string;
  readonly account: Account | undefined;
  readonly installation: Installation;
  readonly state: FolderState;
  readonly durable: boolean;
}

/**
 * Makes a cluster beside its place and renames it there when complete: whatever kills us in between leaves a draft that
 * the next start removes, never a folder that looks like a cluster.
 */
export function createCluster({ dataDir, account, installation, state, durable }: NewCluster): void {
  const draft = `${dataDir}.initialising`;
  const secrets = mkdtempSync(path.join(scratchBases(account)[0] ?? path.dirname(dataDir), 'elstream-init-'));
  try {
    rmSync(draft, { recursive: true, force: true });
    mkdirSync(draft, { mode: 0o700 });
    const passwordFile = path.join(secrets, 'password');
    writeFileSync(passwordFile, `${state.password}\n`, { mode: 0o600 });
    if (account) for (const at of [draft, secrets, passwordFile]) chownSync(at, account.uid, account.gid);
    const flags = ['-D', draft, '-U', state.user, '-A', 'scram-sha-256', `--pwfile=${passwordFile}`, '--encoding=UTF8', '--locale=C', ...(durable ? [] : ['--no-sync'])];
    runInitdb(binary(installation, 'initdb'), flags, account);
    writeState(draft, state, account);
    rmSync(dataDir, { recursive: true, force: true });
    renameSync(draft, dataDir);
  } catch (error) {
    throw errnoOf(error) === undefined ? error : folderFailure(dataDir, error);
  } finally {
    rmSync(secrets, { recursive: true, force: true });
    rmSync(draft, { recursive: true, force: true });
  }
}

function runInitdb(initdb: string, flags: string[], account: Account | undefined): void {
  const result = spawnSync(initdb, flags, {
    cwd: path.parse(initdb).root,
    encoding: 'utf8',
    env: serverEnvironment(),
    ...(account ? { uid: account.uid, gid: account.gid } : {}),
  });
  if (result.error) throw failure('initdb could not be run', result.error);
  if (result.status === 0) return;
  const output = `${result.stdout}\n${result.stderr}`.trim().split('\n').slice(-15).join('\n');
  throw failure(`initdb failed (${remedyFor(output)}):\n${output}`);
}

/** Nothing of ours (PGDATA, PGPORT …) may leak into the server. */
export function serverEnvironment(): NodeJS.ProcessEnv {
  const { PATH, SystemRoot } = process.env;
  return { LC_ALL: 'C', TZ: 'UTC', ...(PATH === undefined ? {} : { PATH }), ...(SystemRoot === undefined ? {} : { SystemRoot }) };
}

export const newPassword = (): string => randomBytes(18).toString('base64url');

/**
 * Makes sure nothing runs in the folder. A server whose starter lives is in use and refused. One whose starter died is
 * stopped, not attached to: it runs with the settings of another start, and we could neither see it end nor know who
 * should end it. A pid file of a dead process, or of a number given to another program since, is removed.
 */
export async function clearFolder(dataDir: string): Promise<void> {
  if (!existsSync(dataDir)) return;
  const real = realpathSync(dataDir);
  const pidFile = path.join(real, 'postmaster.pid');
  const pid = existsSync(pidFile) ? Number.parseInt(readFileSync(pidFile, 'utf8'), 10) : Number.NaN;
  if (pid > 0 && isServerOf(pid, real)) {
    const owner = existsSync(stateFile(real)) ? readState(real).owner : undefined;
    if (owner && isAlive(owner)) {
      throw failure(`a server (pid ${String(pid)}) already runs in ${dataDir}, started by process ${String(owner.pid)}; stop it, or choose another dataDir`);
    }
    await endProcess(pid, ['SIGINT', 'SIGQUIT', 'SIGKILL']);
  }
  await killServerProcesses(real);
  rmSync(pidFile, { force: true });
}

/** Ends what still works in the folder, such as backends whose postmaster was killed; they would hold its memory. */
export async function killServerProcesses(dataDir: string): Promise<void> {
  for (const { pid } of processesIn(dataDir)) if (pid !== process.pid) await endProcess(pid, ['SIGKILL']);
}

async function endProcess(pid: number, signals: readonly NodeJS.Signals[]): Promise<void> {
  const identity = identify(pid);
  if (!identity) return;
  for (const name of signals) {
    signal(pid, name);
    for (const deadline = Date.now() + 10_000; Date.now() < deadline; await sleep(20)) if (!isAlive(identity)) return;
  }
  throw failure(`process ${String(pid)} does not end; end it by hand`);
}

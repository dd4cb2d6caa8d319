import { accessSync, chmodSync, constants, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { withLock } from './lock';

/** Where a program is looked for. */
export interface FindToolOptions {
  /** As in the environment variable. Default: PATH. */
  readonly searchPath?: string;
  /** Folder of what was fetched. Default: `elstream` in the user's cache folder. */
  readonly cacheDir?: string;
  /** false: only look. Default true. */
  readonly fetch?: boolean;
}

/** `search` as a function that keeps what it found on the usual places; a failed search is forgotten, so that the next call tries again. */
export function finder<T>(search: (options: FindToolOptions) => Promise<T>): (options?: FindToolOptions) => Promise<T> {
  let found: Promise<T> | undefined;
  return (options) => {
    if (options) return search(options);
    return (found ??= search({}).catch((error: unknown) => {
      found = undefined;
      throw error;
    }));
  };
}

/** Where fetched programs are kept: `elstream` in the user's cache folder. */
export function defaultCacheDir(): string {
  const base = process.env['XDG_CACHE_HOME'];
  return path.join(base !== undefined && path.isAbsolute(base) ? base : path.join(os.homedir(), '.cache'), 'elstream');
}

/** The executables of that name on a search path, first first. */
export function onPath(name: string, searchPath = process.env['PATH'] ?? ''): string[] {
  return searchPath
    .split(path.delimiter)
    .filter((folder) => path.isAbsolute(folder))
    .map((folder) => path.join(folder, name))
    .filter((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** How long another process may take to fetch the same program; building one from source takes minutes on a slow machine. */
const PATIENCE_MS = 900_000;

/**
 * Fills the folder `name` of the cache, unless it `works`, as it does when another process was first: one at a time, and
 * made beside its place and renamed there by `make`'s success, so that nobody finds a half one. Returns the folder.
 */
export async function fillCache(cacheDir: string, name: string, make: (draft: string) => Promise<void>, works: () => Promise<boolean>): Promise<string> {
  mkdirSync(cacheDir, { recursive: true });
  const target = path.join(cacheDir, name);
  return withLock(`${target}.lock`, PATIENCE_MS, async () => {
    if (await works()) return target;
    // We alone are at work here: a draft that is there was left by a killed process.
    for (const entry of readdirSync(cacheDir)) if (entry.startsWith(`${name}.draft-`)) rmSync(path.join(cacheDir, entry), { recursive: true, force: true });
    const draft = mkdtempSync(path.join(cacheDir, `${name}.draft-`));
    try {
      // Others may run what is in it.
      chmodSync(draft, 0o755);
      await make(draft);
      rmSync(target, { recursive: true, force: true });
      renameSync(draft, target);
      return target;
    } finally {
      rmSync(draft, { recursive: true, force: true });
    }
  });
}

import { accessSync, constants, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

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

/**
 * Fills the folder `name` of the cache. It is made beside its place and renamed there by `make`'s success: nobody finds
 * a half one, and of two who fetch at once either's serves. Returns the folder.
 */
export async function fillCache(cacheDir: string, name: string, make: (draft: string) => Promise<void>): Promise<string> {
  mkdirSync(cacheDir, { recursive: true });
  const target = path.join(cacheDir, name);
  const draft = mkdtempSync(path.join(cacheDir, `${name}.draft-`));
  try {
    await make(draft);
    rmSync(target, { recursive: true, force: true });
    renameSync(draft, target);
    return target;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

import { lstatSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { unpackDebianPackages } from './debian-packages';
import { failure, messageOf } from './failure';
import { run } from './run';
import { defaultCacheDir, fillCache, finder, type FindToolOptions, onPath } from './tool-cache';

/** The oldest release that libs/redis accepts. */
const OLDEST = [6, 2] as const;

/**
 * The path of a redis-server that runs here: from PATH, from what an earlier call fetched, or fetched now from Debian's
 * package (unpacked into the user's cache folder, nothing is installed or started).
 *
 * @throws ElstreamError `SERVERS` that says what was tried and what to do
 */
export const findRedisServer = finder(search);

async function search({ searchPath = process.env['PATH'] ?? '', cacheDir = defaultCacheDir(), fetch = true }: FindToolOptions): Promise<string> {
  const tried: string[] = [];
  for (const candidate of [...onPath('redis-server', searchPath), path.join(cacheDir, folderName, 'redis-server')]) {
    const verdict = await judge(candidate);
    if (verdict === undefined) return candidate;
    if (exists(candidate)) tried.push(`${candidate}: ${verdict}`);
  }
  if (fetch) {
    try {
      return await fetchInto(cacheDir);
    } catch (error) {
      tried.push(messageOf(error));
    }
  }
  const why = tried.length === 0 ? '' : ` (${tried.join('; ')})`;
  throw failure(`no redis-server ${OLDEST.join('.')} or newer${why}: install Redis so that redis-server is on PATH (Debian and Ubuntu: the package redis-server), or name a running Redis in REDIS_URL`);
}

const folderName = `redis-${process.platform}-${process.arch}`;

const exists = (file: string): boolean => lstatSync(file, { throwIfNoEntry: false }) !== undefined;

/** Undefined: runs and is new enough; else why not. Tried, not concluded from its being there: libraries may be missing. */
async function judge(binary: string): Promise<string | undefined> {
  const { code, stdout, stderr } = await run(binary, ['--version'], { timeoutMs: 10_000 });
  const version = /\bv=(\d+)\.(\d+)/.exec(stdout);
  if (code !== 0 || !version) return stderr.trim() || 'does not tell its version';
  const [major, minor] = [Number(version[1]), Number(version[2])];
  const enough = major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
  return enough ? undefined : `version ${String(major)}.${String(minor)} is too old`;
}

async function fetchInto(cacheDir: string): Promise<string> {
  const binary = path.join(cacheDir, folderName, 'redis-server');
  await fillCache(cacheDir, folderName, unpackInto, async () => (await judge(binary)) === undefined);
  return binary;
}

async function unpackInto(draft: string): Promise<void> {
  // redis-tools holds the program itself; redis-server a link to it under this name, which the program looks at.
  await unpackDebianPackages(['redis-server', 'redis-tools'], path.join(draft, 'root'));
  writeWrapper(draft);
  const verdict = await judge(path.join(draft, 'redis-server'));
  if (verdict !== undefined) throw failure(`the fetched redis-server does not run: ${verdict}`);
}

/** A start script that gives the program its libraries; `exec` keeps the process id that our caller knows. */
function writeWrapper(folder: string): void {
  const root = path.join(folder, 'root');
  const libraries = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => /\.so(\.|$)/.test(entry.name))
    .map((entry) => path.relative(folder, entry.parentPath));
  const search = [...new Set(libraries)].map((at) => `$here/${at}`).join(':');
  const script = `#!/bin/sh\nhere=\${0%/*}\nLD_LIBRARY_PATH="${search}" exec "$here/root/usr/bin/redis-server" "$@"\n`;
  writeFileSync(path.join(folder, 'redis-server'), script, { mode: 0o755 });
}

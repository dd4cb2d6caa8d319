import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { unpackDebianPackages } from './debian-packages';
import { failure, messageOf } from './failure';
import { run } from './run';
import { defaultCacheDir, fillCache, finder, type FindToolOptions, onPath } from './tool-cache';

/** How to call a Compose: `[program, ...first arguments]`, to be followed by options and a Compose command. */
export type ComposeCommand = readonly [string, ...string[]];

const FOLDER = `docker-compose-${process.platform}-${process.arch}`;

/**
 * A Compose that can check a file (`config` needs no engine): `docker compose` or `docker-compose` from PATH, from what
 * an earlier call fetched, or fetched now from Debian's package (unpacked into the cache folder, nothing is installed).
 */
export const findDockerCompose = finder(search);

async function search({ searchPath = process.env['PATH'] ?? '', cacheDir = defaultCacheDir(), fetch = true }: FindToolOptions): Promise<ComposeCommand> {
  const cached = path.join(cacheDir, FOLDER, 'docker-compose');
  const candidates: ComposeCommand[] = [...onPath('docker', searchPath).map((docker): ComposeCommand => [docker, 'compose']), ...onPath('docker-compose', searchPath).map((program): ComposeCommand => [program]), [cached]];
  for (const candidate of candidates) if (await runs(candidate)) return candidate;
  const remedy = 'put docker-compose, or docker with its compose plugin, on PATH (Debian: the package docker-compose)';
  if (!fetch) throw failure(`no docker-compose: ${remedy}`);
  try {
    await fillCache(cacheDir, FOLDER, unpackInto, () => runs([cached]));
  } catch (error) {
    throw failure(`no docker-compose (${messageOf(error)}): ${remedy}`, error);
  }
  return [cached];
}

async function runs([program, ...args]: ComposeCommand): Promise<boolean> {
  const { code, stdout } = await run(program, [...args, 'version'], { timeoutMs: 30_000 });
  return code === 0 && /version/i.test(stdout);
}

async function unpackInto(draft: string): Promise<void> {
  await unpackDebianPackages(['docker-compose'], path.join(draft, 'root'));
  // It is a Python program: the unpacked packages are told to Debian's own interpreter, which its compiled parts fit.
  const program = path.join(draft, 'docker-compose');
  writeFileSync(program, '#!/bin/sh\nhere=$(dirname "$0")\nPYTHONPATH="$here/root/usr/lib/python3/dist-packages" exec /usr/bin/python3 "$here/root/usr/bin/docker-compose" "$@"\n', { mode: 0o755 });
  if (!(await runs([program]))) throw failure('the fetched docker-compose does not run');
}

import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { failure } from './failure';
import { type Ended, run } from './run';

/**
 * Unpacks Debian packages, with those of their dependencies that the system lacks, into `root`. Installs nothing: no
 * script of a package runs (redis-server's would start a daemon on the default port), no right of root is needed.
 *
 * @throws ElstreamError with the last words of apt
 */
export async function unpackDebianPackages(names: readonly string[], root: string): Promise<void> {
  const draft = mkdtempSync(path.join(os.tmpdir(), 'elstream-apt-'));
  try {
    await downloadAndUnpack(names, root, draft);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** @param draft for downloads and, where the system has no (usable) package lists, for lists of our own */
async function downloadAndUnpack(names: readonly string[], root: string, draft: string): Promise<void> {
  const lists = path.join(draft, 'lists');
  for (const folder of [root, path.join(lists, 'partial'), path.join(draft, 'cache')]) mkdirSync(folder, { recursive: true });
  const own = ['-o', `Dir::State::Lists=${lists}`, '-o', `Dir::Cache=${path.join(draft, 'cache')}`];
  let ended = await download(names, draft, []);
  if (ended.code !== 0) {
    await apt(draft, own, ['update', '-qq']);
    // Some sources may fail while the others suffice: whether they do, the download tells.
    ended = await download(names, draft, own);
  }
  if (ended.code !== 0) throw failure(`Debian's ${names.join(' and ')} cannot be had: ${lastWords(ended)}`);
  for (const file of readdirSync(draft).filter((entry) => entry.endsWith('.deb'))) {
    const unpacked = await run('dpkg-deb', ['-x', path.join(draft, file), root]);
    if (unpacked.code !== 0) throw failure(`${file} cannot be unpacked: ${lastWords(unpacked)}`);
  }
}

/** A simulated installation names what is missing; the packages themselves are fetched even if they are installed. */
async function download(names: readonly string[], draft: string, options: readonly string[]): Promise<Ended> {
  const plan = await apt(draft, options, ['install', '-s', '--no-install-recommends', ...names]);
  if (plan.code !== 0) return plan;
  const missing = [...plan.stdout.matchAll(/^Inst (\S+)/gm)].flatMap((match) => match[1] ?? []);
  return apt(draft, options, ['download', ...new Set([...names, ...missing])]);
}

function apt(cwd: string, options: readonly string[], args: readonly string[]): Promise<Ended> {
  // As root apt would download as an account that may not write in our folder.
  const always = ['-o', 'APT::Sandbox::User=root', '-o', 'Acquire::Retries=3', '-o', 'Debug::NoLocking=1'];
  return run('apt-get', [...always, ...options, ...args], { cwd, env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' } });
}

const lastWords = ({ stderr, stdout }: Ended): string => (stderr.trim() || stdout.trim()).split('\n').slice(-3).join(' ').trim() || 'no reason given';

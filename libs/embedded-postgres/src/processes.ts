import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { errnoOf } from './failure';

/** Identifies a process beyond the reuse of its number: id and, where the system tells it, the time it started. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startedAt: string;
}

/** Undefined when there is no such process (a zombie counts as none). */
export function identify(pid: number): ProcessIdentity | undefined {
  try {
    if (process.platform === 'linux') {
      const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' || fields[0] === 'X' ? undefined : { pid, startedAt: fields[19] ?? '' };
    }
    const startedAt = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    return startedAt === '' ? undefined : { pid, startedAt };
  } catch {
    // No /proc entry, or `ps` found nothing: the process is gone.
    return undefined;
  }
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startedAt === identity.startedAt;
}

/** Sends a signal; a process that is already gone is no error. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error;
  }
}

/**
 * The processes whose working folder is `folder`: a postmaster and its children always work in their data folder, so this
 * finds them without trusting a pid file. Linux only; elsewhere empty, and a start waits until the children are gone.
 */
export function processesIn(folder: string): ProcessIdentity[] {
  if (process.platform !== 'linux') return [];
  const found: ProcessIdentity[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      if (readlinkSync(`/proc/${entry}/cwd`) !== folder) continue;
    } catch {
      // Ended meanwhile, or another user's.
      continue;
    }
    const identity = identify(Number(entry));
    if (identity) found.push(identity);
  }
  return found;
}

/** Whether `pid` is a server that works in `folder` (or, where that cannot be asked, any PostgreSQL server). */
export function isServerOf(pid: number, folder: string): boolean {
  if (process.platform === 'linux') return processesIn(folder).some((p) => p.pid === pid);
  if (process.platform === 'win32') return identify(pid) !== undefined;
  try {
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).includes('postgres');
  } catch {
    return false;
  }
}

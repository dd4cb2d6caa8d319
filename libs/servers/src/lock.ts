import { sleep } from '@elstream/core';
import { errnoOf, identify, isAlive, type ProcessIdentity } from '@elstream/embedded-postgres';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { failure } from './failure';

/** Does `work` while no other process that asks for the same lock does its own. @throws ElstreamError when it is not to be had in time */
export async function withLock<T>(lock: string, waitMs: number, work: () => Promise<T>): Promise<T> {
  for (const deadline = Date.now() + waitMs; !tryLock(lock); await sleep(50)) {
    if (Date.now() > deadline) throw failure(`another process holds ${lock}; wait for it, or remove the file if that process is none of ours`);
  }
  try {
    return await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

/** Makes a lock file that names this process as its holder; one whose holder is dead is broken, to be had at the next try. */
export function tryLock(lock: string): boolean {
  const us = JSON.stringify(identify(process.pid));
  try {
    writeFileSync(lock, us, { flag: 'wx' });
    return true;
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
  breakDeadLock(lock);
  return false;
}

/** Renamed first, then looked at again: of two breakers the later one may have caught a new holder's lock, and puts it back. */
function breakDeadLock(lock: string): void {
  const aside = `${lock}.${String(process.pid)}.${String(Date.now())}`;
  try {
    if (holderLives(lock)) return;
    renameSync(lock, aside);
    if (holderLives(aside)) linkSync(aside, lock);
  } catch (error) {
    // Another process broke, released or took it meanwhile.
    if (!['ENOENT', 'EEXIST'].includes(errnoOf(error) ?? '')) throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function holderLives(lock: string): boolean {
  const text = readFileSync(lock, 'utf8');
  // Made but not yet written: its holder is at work.
  return text === '' || isAlive(JSON.parse(text) as ProcessIdentity);
}

import { sleep } from '@elstream/core';
import { errnoOf, identify, isAlive, type ProcessIdentity } from '@elstream/embedded-postgres';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { failure } from '../failure';

const fileIn = (folder: string): string => path.join(folder, 'process.json');

/** Notes which process works in `folder`, beyond the reuse of its number. */
export function recordProcess(folder: string, pid: number | undefined): void {
  const identity = pid === undefined ? undefined : identify(pid);
  mkdirSync(folder, { recursive: true });
  if (identity) writeFileSync(fileIn(folder), JSON.stringify(identity));
}

/** Ends the process noted in `folder`, if it still runs: two servers in one folder would ruin its files. */
export async function endRecorded(folder: string): Promise<void> {
  const noted = readJson<ProcessIdentity>(fileIn(folder));
  if (noted) await endProcess(noted, ['SIGKILL'], 10_000);
  rmSync(fileIn(folder), { force: true });
}

/** Sends the signals one after the other, each with `patienceMs` to take effect. @throws ElstreamError if it does not end */
export async function endProcess(identity: ProcessIdentity, signals: readonly NodeJS.Signals[], patienceMs: number): Promise<void> {
  for (const name of signals) {
    if (!isAlive(identity)) return;
    try {
      process.kill(identity.pid, name);
    } catch (error) {
      if (errnoOf(error) !== 'ESRCH') throw error;
    }
    for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await sleep(25)) if (!isAlive(identity)) return;
  }
  throw failure(`process ${String(identity.pid)} does not end; end it by hand`);
}

/** What a JSON file holds; undefined when it is absent or was cut off by a crash. */
export function readJson<T>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch (error) {
    if (error instanceof SyntaxError || errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

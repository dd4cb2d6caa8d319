import { accessSync, constants, statfsSync } from 'node:fs';
import os from 'node:os';

const MEMORY = '/dev/shm';
const GIB = 1024 ** 3;
/** What the shared server may come to hold, its log included, with room for the tests themselves. */
const NEEDED_BYTES = 8 * GIB;

/** Where the PostgreSQL of a test may lie. */
export const serverRoots: readonly string[] = [MEMORY, os.tmpdir()];

/**
 * Where one that is made now is to lie: in memory if there is plenty. A database is 300 files, of which a run makes and
 * deletes hundreds of thousands; an ext4 without a journal leaves the numbers of deleted files alone for minutes, and looks
 * past all of them for each new one: CREATE DATABASE then takes up to a second.
 */
export function serverRoot(): string {
  return hasPlenty() ? MEMORY : os.tmpdir();
}

function hasPlenty(): boolean {
  try {
    accessSync(MEMORY, constants.W_OK);
    const { bavail, bsize } = statfsSync(MEMORY);
    return Math.min(bavail * bsize, os.freemem()) >= NEEDED_BYTES;
  } catch {
    // No such folder: another system.
    return false;
  }
}

import { ElstreamError } from '@elstream/core';
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';

/** An error of the embedded server: permanent, with the remedy in the message. */
export function failure(message: string, cause?: unknown): ElstreamError {
  return new ElstreamError('EMBEDDED_POSTGRES', 'stop', message, cause === undefined ? {} : { cause });
}

/** The code of a system or database error (`EACCES`, `28P01` …). */
export function errnoOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** The last `lines` lines a log file gained after byte `from`; empty when there are none. */
export function logTail(file: string, from = 0, lines = 15): string {
  if (!existsSync(file)) return '';
  const fd = openSync(file, 'r');
  try {
    const start = Math.max(from, fstatSync(fd).size - 16_384);
    const buffer = Buffer.alloc(16_384);
    const length = readSync(fd, buffer, 0, buffer.length, start);
    return buffer.toString('utf8', 0, length).trim().split('\n').slice(-lines).join('\n');
  } finally {
    closeSync(fd);
  }
}

/** What a person can do about a failed start, judged by the words the server is known to print (there are no codes). */
export function remedyFor(log: string): string {
  const known: readonly (readonly [RegExp, string])[] = [
    [/could not bind|Address already in use/, 'the port is taken: choose another `port`, or 0 for any free one'],
    [/No space left on device/, 'the disk is full: free space, or choose another `dataDir`'],
    [/lock file .* already exists|shared memory block .* in use/, 'another server runs in this `dataDir`: stop it, or choose another folder'],
    [/unrecognized configuration parameter|invalid value for parameter/, 'correct `settings`'],
    [/Permission denied|has wrong ownership|has invalid permissions/, 'give the folder to the user the server runs as, or choose another `dataDir`'],
    [/could not locate a valid checkpoint|invalid checkpoint record|PANIC/, 'the cluster is damaged: delete the `dataDir` and load it again'],
    [/cannot open shared object|error while loading shared libraries/, 'the binaries are incomplete: remove node_modules and run npm ci again'],
    [/Cannot allocate memory|could not map anonymous shared memory/, 'lower `settings.shared_buffers`'],
  ];
  return known.find(([pattern]) => pattern.test(log))?.[1] ?? 'see the log file';
}

import { ElstreamError } from '@elstream/core';

/** An error of the servers we start: permanent, with the remedy in the message. */
export function failure(message: string, cause?: unknown): ElstreamError {
  return new ElstreamError('SERVERS', 'stop', message, cause === undefined ? {} : { cause });
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

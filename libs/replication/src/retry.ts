import { backoffMs, recoveryOf, sleep } from '@elstream/core';

export interface RetryLimits {
  readonly minMs: number;
  readonly maxMs: number;
  /** Gives up, throwing the last error, after this many tries. */
  readonly tries: number;
}

/** For small writes to the control tables that end a step: tried again on passing faults, so that a blink of the warehouse costs nothing. */
export async function withRetries<T>(step: () => Promise<T>, limits: RetryLimits, signal?: AbortSignal): Promise<T> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await step();
    } catch (error) {
      if (recoveryOf(error) !== 'retry' || failures >= limits.tries || signal?.aborted === true) throw error;
      await sleep(backoffMs(failures, limits), signal);
    }
  }
}

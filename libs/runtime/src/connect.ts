import { backoffMs, describeError, recoveryOf, sleep, type Logger } from '@elstream/core';

export interface ConnectOptions {
  readonly logger: Logger;
  readonly signal?: AbortSignal;
}

const LIMITS = { minMs: 300, maxMs: 10_000 };

/** Until the database answers: what passes by itself is waited for, everything else (password, name, privilege) is thrown at once. */
export async function connectPatiently<T>(what: string, connect: () => Promise<T>, { logger, signal }: ConnectOptions): Promise<T> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await connect();
    } catch (error) {
      if (recoveryOf(error) !== 'retry' || signal?.aborted === true) throw error;
      const ms = backoffMs(failures, LIMITS);
      logger[failures < 3 ? 'info' : 'warn']({ error: describeError(error), failures, ms }, `${what} does not answer yet`);
      await sleep(ms, signal);
    }
  }
}

import { ElstreamError } from '@elstream/core';

/** Far more than two transactions of ours can be in each other's way one after another. */
const TRIES = 10;

/**
 * Does it again when the server ended it for a deadlock: then nothing of it was done. Where readers wait for writers
 * (SQL Server without row versions) deadlocks are ordinary; a service in the middle of a step should not see them. What
 * was in the way goes on meanwhile, so there is nothing to wait for.
 */
export async function againAfterDeadlock<T>(work: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await work();
    } catch (error) {
      if (tried === TRIES || !(error instanceof ElstreamError) || error.code !== 'DB_DEADLOCK') throw error;
    }
  }
}

import { ElstreamError } from '@elstream/core';
import { productOf } from '@elstream/database';
import type { DataSource } from 'typeorm';
import { nameHolder } from './mssql/name-holder';

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

/**
 * Names who is in the way when SQL Server gave no lock in time: it ends no transaction for being idle, so somebody's that
 * was left open (a client that stands still, a person's own session) stays until a person ends it.
 */
export async function namingTheHolder<T>(db: DataSource, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (productOf(db) !== 'mssql' || !(error instanceof ElstreamError) || error.code !== 'DB_LOCK_TIMEOUT') throw error;
    throw await nameHolder(db, error);
  }
}

import type { Mssql } from './data-source';
import type { TSqlSession } from './gate';
import type { MssqlParams } from './parameters';

/**
 * XACT_ABORT ends a transaction for an error of running, not for one of compiling: what names a table that was dropped, or
 * altered since the batch was compiled, leaves it open and its locks held.
 */
export const END_TRANSACTION = 'IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;';

/**
 * The result sets of a batch from BEGIN to COMMIT, on a connection held exclusively. On one of the pool, a transaction that is
 * left open would be whose it is given to next, and that one's own COMMIT would commit nothing.
 */
export async function transactionSets(sql: Mssql | TSqlSession, batch: string, params: MssqlParams = {}, limits: { readonly timeoutMs?: number } = {}): Promise<Record<string, unknown>[][]> {
  // a session that fails is closed
  if ('session' in sql) return sql.session((session) => session.sets(batch, params, limits));
  try {
    return await sql.sets(batch, params, limits);
  } catch (error) {
    // The session may go on. If this fails, too, the connection is gone, and with it the transaction.
    await sql.batch(END_TRANSACTION).catch(() => undefined);
    throw error;
  }
}

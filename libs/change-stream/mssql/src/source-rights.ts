import { ElstreamError } from '@elstream/core';

/** Denied; "sysadmin", "dbo privileges are required" of the procedures of CDC. */
const DENIED: readonly string[] = ['DB_PRIVILEGE', 'DB_22902', 'DB_22904'];

/** @throws ElstreamError SOURCE_RIGHTS (refuse) with all statements that somebody else has to run */
export function refuseWithout(user: string, statements: readonly string[]): void {
  if (statements.length > 0) throw missingRights(user, statements);
}

/** Runs what needs a right. @throws ElstreamError SOURCE_RIGHTS (refuse) with the statements that give it, or do it */
export async function withRights<T>(user: string, statements: readonly string[], run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof ElstreamError) || !DENIED.includes(error.code)) throw error;
    throw missingRights(user, statements, error);
  }
}

function missingRights(user: string, statements: readonly string[], cause?: unknown): ElstreamError {
  const why = cause instanceof Error ? ` (${cause.message})` : '';
  return new ElstreamError('SOURCE_RIGHTS', 'refuse', `user ${user} may not prepare capture at the source${why}; let a DBA run in its database: ${statements.join(' ')}`, { cause });
}

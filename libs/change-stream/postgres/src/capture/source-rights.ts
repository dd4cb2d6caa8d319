import { ElstreamError } from '@elstream/core';
import { quoteName } from '@elstream/database';

export interface RightsCase {
  /** What was to be done, for people: "make the counter table". */
  readonly doing: string;
  readonly role: string;
  /** What a DBA can run instead of us, or to give the right. Asked for only where a right is missing. */
  readonly statements: () => readonly string[] | Promise<readonly string[]>;
}

/**
 * Runs what needs a right at the source.
 * @throws ElstreamError SOURCE_RIGHTS (refuse) with the statements a DBA can run, if the right is missing
 */
export async function withRights<T>(given: RightsCase, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof ElstreamError) || error.code !== 'DB_PRIVILEGE') throw error;
    const why = error.options.cause instanceof Error ? error.options.cause.message : error.message;
    throw missingRights(given, why, { statements: await given.statements(), cause: error });
  }
}

export function missingRights({ doing, role }: Pick<RightsCase, 'doing' | 'role'>, why: string, { statements, cause }: { readonly statements: readonly string[]; readonly cause?: unknown }): ElstreamError {
  const run = statements.map((statement) => `${statement};`).join(' ');
  return new ElstreamError('SOURCE_RIGHTS', 'refuse', `role ${quoteName(role)} may not ${doing} at the source (${why}); let a DBA run: ${run}`, { cause });
}

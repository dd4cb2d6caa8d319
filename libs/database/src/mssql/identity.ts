import { ElstreamError, type SourceIdentity } from '@elstream/core';
import type { TSql } from './gate';

/**
 * The family of the database and the fork of its log, which a restore to an earlier point changes. Not `database_guid`: RESTORE
 * gives every copy a new one, so the replicas of an availability group, which share one log, differ in it.
 */
export const DATABASE_IDENTITY = `SELECT LOWER(CONVERT(char(36), family_guid)) AS system, LOWER(CONVERT(char(36), recovery_fork_guid)) AS fork
  FROM sys.database_recovery_status WHERE database_id = DB_ID();`;

/**
 * What the log positions of a database belong to (R3 c).
 * @throws ElstreamError SOURCE_IDENTITY (stop) if the login may not see it
 */
export async function readMssqlIdentity(sql: TSql): Promise<SourceIdentity> {
  const [row] = await sql.rows<{ system: string | null; fork: string | null }>(DATABASE_IDENTITY);
  if (typeof row?.system === 'string' && typeof row.fork === 'string') return { system: row.system, fork: row.fork };
  throw new ElstreamError('SOURCE_IDENTITY', 'stop', 'the identity of the database is not visible (sys.database_recovery_status shows no row or no recovery fork); GRANT VIEW ANY DATABASE to the login, and look whether the database is online');
}

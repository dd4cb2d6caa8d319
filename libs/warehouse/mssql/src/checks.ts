import type { TSql } from '@elstream/database';

/** OPENJSON needs it. */
const OLDEST_LEVEL = 130;
/** 2019: UTF-8 collations, which checksums need. */
const OLDEST_VERSION = 15;

/** Edition 5 and 8: Azure SQL Database and Managed Instance, whose version number says nothing. */
export const SERVER_SQL = `SELECT CONVERT(int, SERVERPROPERTY('ProductMajorVersion')) AS version, CONVERT(int, SERVERPROPERTY('EngineEdition')) AS edition,
       CONVERT(nvarchar(20), DATABASEPROPERTYEX(DB_NAME(), 'Updateability')) AS updateability,
       d.[compatibility_level] AS level, d.is_read_committed_snapshot_on AS row_versions, DB_NAME() AS [database]
  FROM sys.databases AS d WHERE d.[name] = DB_NAME();`;

export interface ServerFacts {
  readonly version: number | null;
  readonly edition: number | null;
  readonly updateability: string | null;
  readonly level: number;
  readonly row_versions: boolean;
  readonly database: string;
}

/** Everything wrong with server, login and settings, as sentences with remedies; empty: fine. */
export async function serverProblems(sql: TSql): Promise<readonly string[]> {
  const [server] = await sql.rows<ServerFacts & Record<string, unknown>>(SERVER_SQL);
  return server === undefined ? ['the warehouse does not answer'] : problemsOf(server);
}

/**
 * READ_COMMITTED_SNAPSHOT is not among them: without it readers wait for batches and batches for readers, which is slow
 * and not wrong; docs/sql-server.md recommends it. Every login may create temporary tables.
 */
export function problemsOf(server: ServerFacts): string[] {
  const problems: string[] = [];
  const managed = server.edition === 5 || server.edition === 8;
  const alter = `ALTER DATABASE [${server.database.replaceAll(']', ']]')}] SET`;
  if (!managed && server.version !== null && server.version < OLDEST_VERSION) problems.push('the warehouse is older than SQL Server 2019; upgrade it');
  if (server.level < OLDEST_LEVEL) problems.push(`the warehouse database has compatibility level ${String(server.level)}, and ${String(OLDEST_LEVEL)} is needed to read JSON; ${alter} COMPATIBILITY_LEVEL = 150`);
  if (server.updateability === 'READ_ONLY') problems.push('the warehouse database is read-only, perhaps a secondary; point warehouse.url at the primary');
  return problems;
}

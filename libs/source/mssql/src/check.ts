import { bracket, type TSql } from '@elstream/database';

export interface ServerFacts {
  /** SERVERPROPERTY('ProductVersion'): `15.0.4385.2` */
  readonly version: string;
  /** SERVERPROPERTY('EngineEdition'): 2 Standard and its like, 3 Enterprise, 4 Express, 5 Azure SQL Database, 8 managed instance */
  readonly engine: number;
  readonly edition: string;
  readonly database: string;
  readonly compatibility: number;
  readonly captureEnabled: boolean;
  /** sys.databases.snapshot_isolation_state: 1 on, 3 on its way */
  readonly snapshotState: number;
  /** Not DISABLED: commits can be seen that are not in the log yet. */
  readonly delayedDurability: boolean;
  /** READ COMMITTED reads row versions too. */
  readonly versionedReads: boolean;
  readonly writable: boolean;
  readonly login: string;
  readonly user: string;
  /** Capture enables the database itself (`sp_cdc_enable_db` wants sysadmin). */
  readonly sysadmin: boolean;
  readonly serverState: boolean;
  readonly databaseState: boolean;
  /** `VIEW SERVER SECURITY STATE` or more, and a view of services: whether the agent runs may be asked. */
  readonly services: boolean;
}

/** A name is read as one of several parts: one with a dot or a hyphen in it is none, and NULL comes back. */
const DATABASE = `QUOTENAME(DB_NAME()), N'DATABASE'`;

/** The names of rights since SQL Server 2022 are none on earlier ones, which then answer NULL. */
const may = (securable: 'SERVER' | 'DATABASE', rights: readonly string[]): string => {
  const of = securable === 'SERVER' ? 'NULL, NULL' : DATABASE;
  return rights.map((right) => `HAS_PERMS_BY_NAME(${of}, N'${right}') = 1`).join(' OR ');
};

const bit = (condition: string): string => `CONVERT(bit, CASE WHEN ${condition} THEN 1 ELSE 0 END)`;

export const READ_SERVER = `
SELECT CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')) AS version, CONVERT(int, SERVERPROPERTY('EngineEdition')) AS engine,
  CONVERT(nvarchar(128), SERVERPROPERTY('Edition')) AS edition, d.name AS [database], CONVERT(int, d.compatibility_level) AS compatibility,
  CONVERT(bit, ISNULL(d.is_cdc_enabled, 0)) AS captureEnabled, CONVERT(int, ISNULL(d.snapshot_isolation_state, 0)) AS snapshotState,
  ${bit('d.delayed_durability > 0')} AS delayedDurability, CONVERT(bit, ISNULL(d.is_read_committed_snapshot_on, 0)) AS versionedReads,
  ${bit(`CONVERT(nvarchar(20), DATABASEPROPERTYEX(d.name, 'Updateability')) = N'READ_WRITE'`)} AS writable,
  SUSER_SNAME() AS login, USER_NAME() AS [user],
  ${bit(`IS_SRVROLEMEMBER(N'sysadmin') = 1`)} AS sysadmin,
  ${bit(may('SERVER', ['VIEW SERVER STATE', 'VIEW SERVER PERFORMANCE STATE']))} AS serverState,
  ${bit(may('DATABASE', ['VIEW DATABASE STATE', 'VIEW DATABASE PERFORMANCE STATE']))} AS databaseState,
  ${bit(`OBJECT_ID(N'sys.dm_server_services') IS NOT NULL AND (${may('SERVER', ['VIEW SERVER STATE', 'VIEW SERVER SECURITY STATE'])})`)} AS services
FROM sys.databases AS d WHERE d.database_id = DB_ID()`;

/** The SQL Server Agent of this instance: 4 runs. No row: the platform has none to be seen. */
export const READ_AGENT = `SELECT CONVERT(int, MAX(s.status)) AS status FROM sys.dm_server_services AS s WHERE s.servicename LIKE N'SQL Server Agent%'`;

const AGENT_RUNS = 4;
const [EXPRESS, AZURE_DATABASE] = [4, 5];
/** Digests are made of UTF-8, which its collations know since 2019. */
const FIRST_VERSION = 15;
/** OPENJSON needs 130, and so does the exact conversion of datetime. */
const FIRST_COMPATIBILITY = 130;

export async function readServerFacts(sql: TSql): Promise<ServerFacts> {
  const [facts] = await sql.rows<ServerFacts>(READ_SERVER);
  if (facts === undefined) throw new RangeError('the database is not in sys.databases');
  return facts;
}

/** Null: not to be seen. */
export async function agentRuns(sql: TSql, facts: ServerFacts): Promise<boolean | null> {
  if (!facts.services || facts.engine === AZURE_DATABASE) return null;
  const [row] = await sql.rows<{ status: number | null }>(READ_AGENT);
  const status = row?.status ?? null;
  return status === null ? null : status === AGENT_RUNS;
}

export interface CheckWanted {
  /** Change data capture feeds the stream, so it has to be on. */
  readonly capture: boolean;
}

/** What keeps this server from being a source, all at once, each with its remedy. Pure. */
export function serverProblems(facts: ServerFacts, agent: boolean | null, { capture }: CheckWanted): string[] {
  const database = bracket(facts.database);
  const problems: string[] = [];
  const azure = facts.engine === AZURE_DATABASE;
  const major = Number.parseInt(facts.version, 10);
  if (!azure && !(major >= FIRST_VERSION)) problems.push(`the source is SQL Server ${facts.version}; upgrade it to 2019 (15.0) or later`);
  if (facts.compatibility < FIRST_COMPATIBILITY) problems.push(`compatibility level of database ${facts.database} is ${String(facts.compatibility)}; run ALTER DATABASE ${database} SET COMPATIBILITY_LEVEL = ${String(FIRST_COMPATIBILITY)}, or higher`);
  if (!facts.writable) problems.push(`database ${facts.database} is read-only at this server, perhaps a secondary; point the connection URL at the primary, and source.readUrl at the secondary`);
  if (!facts.serverState) problems.push(`login ${facts.login} may not see the transactions in progress and where the log ends; run GRANT VIEW SERVER STATE TO ${bracket(facts.login)} in master (from SQL Server 2022 on VIEW SERVER PERFORMANCE STATE suffices)`);
  if (!facts.databaseState) problems.push(`user ${facts.user} may not see the errors of capture and how full the log is; run GRANT VIEW DATABASE STATE TO ${bracket(facts.user)} in ${database} (from SQL Server 2022 on VIEW DATABASE PERFORMANCE STATE suffices)`);
  return capture ? [...problems, ...captureProblems(facts, agent)] : problems;
}

function captureProblems(facts: ServerFacts, agent: boolean | null): string[] {
  // Web is of the engine of Standard: https://learn.microsoft.com/sql/sql-server/editions-and-components-of-sql-server-2019
  if (facts.engine === EXPRESS || facts.edition.startsWith('Web ')) return [`the source is ${facts.edition}, which has no change data capture; move the database to Standard, Enterprise or Developer edition`];
  const problems: string[] = [];
  if (!facts.captureEnabled && !facts.sysadmin) problems.push(`changes of database ${facts.database} are not captured; run USE ${bracket(facts.database)}; EXEC sys.sp_cdc_enable_db (as a member of sysadmin)`);
  // The connector is registered with snapshot.isolation.mode=snapshot, which takes no locks that the application feels.
  if (facts.snapshotState !== 1) problems.push(`database ${facts.database} does not allow snapshot isolation, under which the connector reads the tables' definitions; run ALTER DATABASE ${bracket(facts.database)} SET ALLOW_SNAPSHOT_ISOLATION ON`);
  // Nor does the server support the two together; 2019 before CU20 and 2022 before CU2 do not refuse it.
  if (facts.delayedDurability) problems.push(`database ${facts.database} commits before its log is written (delayed durability), so that capture can lose what was seen; run ALTER DATABASE ${bracket(facts.database)} SET DELAYED_DURABILITY = DISABLED`);
  if (agent === false) problems.push('the SQL Server Agent does not run, so nothing is captured; start it (Windows: its service; Linux: /opt/mssql/bin/mssql-conf set sqlagent.enabled true, then restart the server; container: MSSQL_AGENT_ENABLED=true)');
  return problems;
}

/** Not a problem, but better; null: it is as it should be. */
export function snapshotAdvice(facts: Pick<ServerFacts, 'snapshotState' | 'versionedReads' | 'database'>): string | null {
  if (facts.snapshotState === 1 || facts.versionedReads) return null;
  return `snapshot isolation of database ${facts.database} is off, so reads wait for writers and writers for them, and a read may meet a row twice that moves meanwhile; run ALTER DATABASE ${bracket(facts.database)} SET ALLOW_SNAPSHOT_ISOLATION ON`;
}

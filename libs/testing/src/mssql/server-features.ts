import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { workspaceRoot } from '../test-server/lease';
import { type MssqlClient } from './connection';
import { createTestMssql, mssqlServerUrl } from './test-mssql';

/**
 * What a server may lack, each with batches that fail, or whose last one's first row is not `ok = 1`, on one that does.
 * They run one after another in a scratch database on one connection; the order matters only within a feature.
 */
const PROBES = {
  cdc: [
    'CREATE TABLE dbo.probe_cdc (id int NOT NULL PRIMARY KEY)',
    'EXEC sys.sp_cdc_enable_db',
    "EXEC sys.sp_cdc_enable_table @source_schema = N'dbo', @source_name = N'probe_cdc', @role_name = NULL, @supports_net_changes = 0",
    "SELECT COUNT(*) AS ok FROM cdc.change_tables WHERE capture_instance = N'dbo_probe_cdc'",
  ],
  agent: ["SELECT COUNT(*) AS ok FROM sys.dm_server_services WHERE servicename LIKE N'SQL Server Agent%' AND status = 4"],
  'snapshot-isolation': ['SELECT CASE WHEN snapshot_isolation_state = 1 AND is_read_committed_snapshot_on = 1 THEN 1 ELSE 0 END AS ok FROM sys.databases WHERE database_id = DB_ID()', 'SET TRANSACTION ISOLATION LEVEL SNAPSHOT; BEGIN TRANSACTION; SELECT 1 AS ok; COMMIT; SET TRANSACTION ISOLATION LEVEL READ COMMITTED'],
  applock: ["BEGIN TRANSACTION; DECLARE @r int; EXEC @r = sp_getapplock @Resource = N'probe', @LockMode = N'Shared', @LockOwner = N'Transaction', @LockTimeout = 1000; COMMIT; SELECT CASE WHEN @r >= 0 THEN 1 ELSE 0 END AS ok"],
  'temporal-tables': [
    `CREATE TABLE dbo.probe_temporal (id int NOT NULL PRIMARY KEY, valid_from datetime2(7) GENERATED ALWAYS AS ROW START NOT NULL, valid_to datetime2(7) GENERATED ALWAYS AS ROW END NOT NULL,
       PERIOD FOR SYSTEM_TIME (valid_from, valid_to)) WITH (SYSTEM_VERSIONING = ON (HISTORY_TABLE = dbo.probe_temporal_archive))`,
    'INSERT INTO dbo.probe_temporal (id) VALUES (1); UPDATE dbo.probe_temporal SET id = 2; SELECT COUNT(*) AS ok FROM dbo.probe_temporal_archive',
  ],
  'bin2-collation': ["SELECT CASE WHEN N'b' COLLATE Latin1_General_100_BIN2 > N'B' COLLATE Latin1_General_100_BIN2 THEN 1 ELSE 0 END AS ok"],
  'utf8-collation': ["SELECT CASE WHEN DATALENGTH(CONVERT(varchar(10), N'é' COLLATE Latin1_General_100_BIN2_UTF8)) = 2 THEN 1 ELSE 0 END AS ok"],
  'hashbytes-utf8': ["SELECT CASE WHEN HASHBYTES('MD5', CONVERT(varchar(max), N'é' COLLATE Latin1_General_100_BIN2_UTF8)) = HASHBYTES('MD5', 0xC3A9) THEN 1 ELSE 0 END AS ok"],
  'bracket-escapes': ['CREATE TABLE dbo.[pro]]be] ([a]]b] int NOT NULL); INSERT INTO dbo.[pro]]be] ([a]]b]) VALUES (1)', 'SELECT COUNT(*) AS ok FROM dbo.[pro]]be] WHERE [a]]b] = 1'],
  openjson: ["SELECT COUNT(*) AS ok FROM OPENJSON(N'[[\"a\",1]]') WITH (k0 nvarchar(4000) '$[0]', k1 int '$[1]') WHERE k0 = N'a' AND k1 = 1"],
  rowversion: ['CREATE TABLE dbo.probe_rowversion (id int NOT NULL, v rowversion); INSERT INTO dbo.probe_rowversion (id) VALUES (1); SELECT COUNT(*) AS ok FROM dbo.probe_rowversion WHERE DATALENGTH(v) = 8'],
  datetimeoffset: ["SELECT CASE WHEN CONVERT(nvarchar(40), SWITCHOFFSET(CONVERT(datetimeoffset(7), N'2018-07-13 12:23:45.4567891 +11:00'), N'+00:00'), 121) = N'2018-07-13 01:23:45.4567891 +00:00' THEN 1 ELSE 0 END AS ok"],
  xml: ["SELECT CASE WHEN CONVERT(nvarchar(max), CONVERT(xml, N'<a>1</a>')) = N'<a>1</a>' THEN 1 ELSE 0 END AS ok"],
  'sql-variant': ["CREATE TABLE dbo.probe_variant (v sql_variant); INSERT INTO dbo.probe_variant VALUES (1); SELECT CASE WHEN SQL_VARIANT_PROPERTY(v, 'BaseType') = N'int' THEN 1 ELSE 0 END AS ok FROM dbo.probe_variant"],
  hierarchyid: ["SELECT CASE WHEN CONVERT(hierarchyid, N'/1/').ToString() = N'/1/' THEN 1 ELSE 0 END AS ok"],
  geography: ["SELECT CASE WHEN geography::STGeomFromText(N'POINT(1 2)', 4326).Lat = 2 THEN 1 ELSE 0 END AS ok"],
  'lock-escalation': ['CREATE TABLE dbo.probe_escalation (id int NOT NULL); ALTER TABLE dbo.probe_escalation SET (LOCK_ESCALATION = DISABLE); SELECT COUNT(*) AS ok FROM sys.tables WHERE name = N\'probe_escalation\' AND lock_escalation_desc = N\'DISABLE\''],
  'update-locks': [
    'CREATE TABLE dbo.probe_lock (id int NOT NULL PRIMARY KEY); INSERT INTO dbo.probe_lock (id) VALUES (1)',
    `BEGIN TRANSACTION; DECLARE @id int; SELECT @id = id FROM dbo.probe_lock WITH (UPDLOCK, ROWLOCK) WHERE id = 1;
     SELECT CASE WHEN EXISTS (SELECT 1 FROM sys.dm_tran_locks WHERE request_session_id = @@SPID AND resource_type = N'KEY' AND request_mode = N'U') THEN 1 ELSE 0 END AS ok; ROLLBACK`,
  ],
  'binary-styles': ["SELECT CASE WHEN CONVERT(varbinary(20), N'00ff0a', 2) = 0x00FF0A THEN 1 ELSE 0 END AS ok"],
  'openjson-escapes': [String.raw`SELECT COUNT(*) AS ok FROM OPENJSON(N'[["a\\b\"\u0041"]]') WITH (k0 nvarchar(20) '$[0]') AS j WHERE j.k0 = N'a\b"A'`],
  'hundred-nanoseconds': ["SELECT CASE WHEN CONVERT(varchar(27), CONVERT(datetime2(7), N'2018-07-13 11:23:45.3400001'), 121) = '2018-07-13 11:23:45.3400001' THEN 1 ELSE 0 END AS ok"],
  'alias-types': ['CREATE TYPE dbo.probe_alias FROM nvarchar(20) NOT NULL', "SELECT COUNT(*) AS ok FROM sys.types WHERE name = N'probe_alias' AND is_user_defined = 1 AND user_type_id <> system_type_id"],
  // what a code page has no character for becomes a question mark
  'code-pages': ["SELECT CASE WHEN CONVERT(varchar(10), N'漢' COLLATE Latin1_General_CI_AS) = '?' THEN 1 ELSE 0 END AS ok"],
  'index-names': ["CREATE TABLE dbo.probe_names (id int NOT NULL); CREATE INDEX probe_index ON dbo.probe_names (id); SELECT COUNT(*) AS ok FROM sys.indexes WHERE object_id = OBJECT_ID(N'dbo.probe_names') AND name = N'probe_index'"],
  'alter-function': ['CREATE FUNCTION dbo.probe_function() RETURNS TABLE AS RETURN (SELECT 1 AS ok)', 'ALTER FUNCTION dbo.probe_function() RETURNS TABLE AS RETURN (SELECT 1 AS ok, 2 AS more)', 'SELECT ok FROM dbo.probe_function() WHERE more = 2'],
  'alter-column-null': ['CREATE TABLE dbo.probe_alter (a int NULL)', 'ALTER TABLE dbo.probe_alter ALTER COLUMN a bigint NULL', "SELECT COUNT(*) AS ok FROM sys.columns WHERE object_id = OBJECT_ID(N'dbo.probe_alter') AND max_length = 8 AND is_nullable = 1"],
  'error-208': ["BEGIN TRY EXEC sys.sp_executesql N'SELECT 1 AS ok FROM dbo.probe_none'; END TRY BEGIN CATCH SELECT CASE WHEN ERROR_NUMBER() = 208 THEN 1 ELSE 0 END AS ok; END CATCH"],
  'expression-dependencies': ['CREATE TABLE dbo.probe_seen (id int NOT NULL)', 'CREATE VIEW dbo.probe_view AS SELECT id FROM dbo.probe_seen', "SELECT COUNT(*) AS ok FROM sys.sql_expression_dependencies WHERE referenced_id = OBJECT_ID(N'dbo.probe_seen') AND referencing_id = OBJECT_ID(N'dbo.probe_view')"],
  'nul-characters': ['SELECT CASE WHEN DATALENGTH(NCHAR(0)) = 2 THEN 1 ELSE 0 END AS ok'],
  'quotes-in-names': ['CREATE TABLE dbo.[probe "q"] (id int NOT NULL)', `SELECT HAS_PERMS_BY_NAME(N'[dbo].[probe "q"]', N'OBJECT', N'SELECT') AS ok`],
  'surrogate-halves': ['SELECT CASE WHEN CONVERT(varbinary(4), CONVERT(nvarchar(2), 0x00D84100)) = 0x00D84100 THEN 1 ELSE 0 END AS ok'],
  // digits of a second as many as the type has, and none of time(0)
  'fraction-digits': ["SELECT CASE WHEN CONVERT(varchar(16), CONVERT(time(0), '23:59:59'), 121) = '23:59:59' THEN 1 ELSE 0 END AS ok"],
  // a datetime is a number of 300ths of a second, however it was computed
  'datetime-ticks': ["SELECT CASE WHEN CONVERT(varchar(23), DATEADD(millisecond, 5, CONVERT(datetime, '20180713 11:23:45')), 121) = '2018-07-13 11:23:45.007' AND DATEADD(millisecond, 6, CONVERT(datetime, '20180713 11:23:45')) = CONVERT(datetime, '20180713 11:23:45.007') THEN 1 ELSE 0 END AS ok"],
  'computed-columns': ["CREATE TABLE dbo.probe_computed (a int NOT NULL, b AS a + 1); SELECT COUNT(*) AS ok FROM sys.computed_columns WHERE object_id = OBJECT_ID(N'dbo.probe_computed')"],
  'recovery-fork': ['SELECT COUNT(*) AS ok FROM sys.database_recovery_status WHERE database_id = DB_ID() AND recovery_fork_guid IS NOT NULL'],
  'active-transactions': ['SELECT CASE WHEN COUNT(*) >= 0 THEN 1 ELSE 0 END AS ok FROM sys.dm_tran_database_transactions d JOIN sys.dm_tran_session_transactions s ON s.transaction_id = d.transaction_id JOIN sys.dm_tran_active_transactions a ON a.transaction_id = d.transaction_id'],
  'log-stats': ['SELECT CASE WHEN DATALENGTH(CONVERT(varbinary(10), log_end_lsn)) >= 0 OR 1 = 1 THEN 1 ELSE 0 END AS ok FROM sys.dm_db_log_stats(DB_ID())'],
} as const satisfies Record<string, readonly string[]>;

/** The name by which a test is skipped where the server lacks it. */
export type ServerFeature = keyof typeof PROBES;

/** Tries each feature in a scratch database on the server. */
export async function probeServerFeatures(serverUrl = mssqlServerUrl()): Promise<ReadonlySet<ServerFeature>> {
  const database = await createTestMssql('probe', serverUrl);
  try {
    const found = new Set<ServerFeature>();
    let client = await database.client();
    for (const [feature, batches] of Object.entries(PROBES) as [ServerFeature, readonly string[]][]) {
      if (await works(client, batches)) found.add(feature);
      else {
        // A failed probe may leave a transaction open, or its isolation level.
        await client.close();
        client = await database.client();
      }
    }
    return found;
  } finally {
    await database.drop();
  }
}

async function works(client: MssqlClient, batches: readonly string[]): Promise<boolean> {
  try {
    let last: { ok?: number } | undefined;
    for (const batch of batches) [last] = await client.query<{ ok?: number }>(batch);
    return last?.ok === 1;
  } catch {
    // that it fails is the answer
    return false;
  }
}

const CACHE_MS = 3_600_000;
let known: ReadonlySet<ServerFeature> | undefined;

/**
 * What the server at `MSSQL_URL` has, found by trying. Synchronous, because jest wants to know its tests before anything
 * can be awaited; so another process tries, and its answer holds for an hour, for all test files.
 */
export function serverFeatures(): ReadonlySet<ServerFeature> {
  return (known ??= new Set(probedBefore() ?? probeNow()));
}

function cacheFile(): string {
  const of = createHash('sha256').update(JSON.stringify([mssqlServerUrl(), PROBES])).digest('hex').slice(0, 16);
  return path.join(workspaceRoot, 'var', 'test-servers', `mssql-features-${of}.json`);
}

function probedBefore(): ServerFeature[] | null {
  const file = cacheFile();
  const written = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return Date.now() - written < CACHE_MS ? (JSON.parse(readFileSync(file, 'utf8')) as ServerFeature[]) : null;
}

function probeNow(): ServerFeature[] {
  const register = path.join(workspaceRoot, 'tools', 'swc-register.cjs');
  const script = path.join(workspaceRoot, 'libs', 'testing', 'src', 'mssql', 'probe-main.ts');
  const answer = execFileSync(process.execPath, ['-r', register, script], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], timeout: 300_000 });
  const features = JSON.parse(answer) as ServerFeature[];
  mkdirSync(path.dirname(cacheFile()), { recursive: true });
  writeFileSync(cacheFile(), JSON.stringify(features));
  return features;
}

type Body = () => void;

/**
 * `describe` of tests that need features of the server. Where it lacks one they are skipped, and the title names it.
 * Without `MSSQL_URL` nothing is tried: all of the file is skipped anyway.
 */
export function describeWith(needed: ServerFeature | readonly ServerFeature[], name: string, body: Body): void {
  if (!process.env['MSSQL_URL']) {
    describe(name, body);
    return;
  }
  const missing = [needed].flat().filter((feature) => !serverFeatures().has(feature));
  if (missing.length === 0) describe(name, body);
  else describe.skip(`${name} [skipped: the server lacks ${missing.join(', ')}]`, body);
}

/** As `describeWith`, for one test. */
export function itWith(needed: ServerFeature | readonly ServerFeature[], name: string, body: () => Promise<void>): void {
  if (!process.env['MSSQL_URL']) {
    it(name, body);
    return;
  }
  const missing = [needed].flat().filter((feature) => !serverFeatures().has(feature));
  if (missing.length === 0) it(name, body);
  else it.skip(`${name} [skipped: the server lacks ${missing.join(', ')}]`, body);
}

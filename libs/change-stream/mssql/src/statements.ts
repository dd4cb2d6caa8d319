import { bracket, bracketTable, nString } from '@elstream/database';
import { type TableName } from '@elstream/core';

/**
 * Every statement that capture can issue, as text. `cdc.*` and the `fn_cdc_*` functions exist only in a database with CDC:
 * a batch that names them is sent only where `FACTS` said so.
 */

/** Who we are, and whether the database is captured. */
export const FACTS = `SELECT d.name AS [database], USER_NAME() AS [user], d.is_cdc_enabled AS captured, d.log_reuse_wait_desc AS log_wait,
       CASE WHEN IS_SRVROLEMEMBER(N'sysadmin') = 1 THEN 1 ELSE 0 END AS sysadmin,
       CASE WHEN IS_SRVROLEMEMBER(N'sysadmin') = 1 OR IS_ROLEMEMBER(N'db_owner') = 1 THEN 1 ELSE 0 END AS owner
  FROM sys.databases AS d
 WHERE d.database_id = DB_ID();`;

/** All capture instances; `least` is ten zero bytes where it is not visible. */
export const INSTANCES = `SELECT OBJECT_SCHEMA_NAME(t.source_object_id) AS [schema], OBJECT_NAME(t.source_object_id) AS [table], t.capture_instance AS instance,
       t.object_id AS object, CONVERT(nvarchar(23), t.create_date, 126) AS created, t.start_lsn AS start,
       sys.fn_cdc_get_min_lsn(t.capture_instance) AS least, t.role_name AS role, t.has_drop_pending AS dropping
  FROM cdc.change_tables AS t;`;

export const CAPTURED_COLUMNS = 'SELECT c.object_id AS object, c.column_name AS name FROM cdc.captured_columns AS c ORDER BY c.object_id, c.column_ordinal;';

/** Columns of the tables in `@tables`, `[{schema, name}]`. */
export const TABLES = `SELECT s.name AS [schema], t.name AS [table], t.temporal_type AS temporal, c.name AS [column], c.is_computed AS computed
  FROM OPENJSON(@tables) WITH ([schema] nvarchar(128) '$.schema', name nvarchar(128) '$.name') AS w
  JOIN sys.schemas AS s ON s.name = w.[schema] COLLATE DATABASE_DEFAULT
  JOIN sys.tables AS t ON t.schema_id = s.schema_id AND t.name = w.name COLLATE DATABASE_DEFAULT
  JOIN sys.columns AS c ON c.object_id = t.object_id
 ORDER BY s.name, t.name, c.column_id;`;

/** The newest commit that the capture job has taken up, NULL: none yet. */
export const NEWEST = 'SELECT sys.fn_cdc_get_max_lsn() AS newest;';

/**
 * How long ago the newest entry of the capture job committed; on an idle database it writes one every five minutes. Times are
 * the server's local ones, on both sides. One row at the end of the index: the table has a row for each transaction of days.
 */
export const CAPTURE_AGE = `SELECT TOP (1) DATEDIFF(second, m.tran_end_time, GETDATE()) AS seconds
  FROM cdc.lsn_time_mapping AS m
 ORDER BY m.start_lsn DESC;`;

/** How long ago what stands at or just below `@needed` committed. No row: it was cleaned up. */
export const NEEDED_AGE = `SELECT TOP (1) DATEDIFF(second, m.tran_end_time, GETDATE()) AS seconds
  FROM cdc.lsn_time_mapping AS m
 WHERE m.start_lsn <= CONVERT(binary(10), @needed)
 ORDER BY m.start_lsn DESC;`;

/** Bytes of the change tables of the instances in `@instances`, a JSON array of names. */
export const CHANGE_BYTES = `SELECT SUM(a.total_pages) * CONVERT(bigint, 8192) AS bytes
  FROM OPENJSON(@instances) AS w
  JOIN cdc.change_tables AS t ON t.capture_instance = w.value COLLATE DATABASE_DEFAULT
  JOIN sys.partitions AS p ON p.object_id = t.object_id
  JOIN sys.allocation_units AS a ON a.container_id = CASE WHEN a.type = 2 THEN p.partition_id ELSE p.hobt_id END;`;

export const LOG_BYTES = 'SELECT CONVERT(bigint, u.used_log_space_in_bytes) AS bytes FROM sys.dm_db_log_space_usage AS u;';

export const AGENT = "SELECT s.status_desc AS status FROM sys.dm_server_services AS s WHERE s.servicename LIKE N'SQL Server Agent%';";

/** The last errors of capture by number only: their texts may quote what was captured. */
export const CAPTURE_ERRORS = 'SELECT TOP (1) e.error_number AS number, e.phase_number AS phase FROM sys.dm_cdc_errors AS e ORDER BY e.entry_time DESC;';

export const JOBS = 'EXEC sys.sp_cdc_help_jobs;';

export const LOCK = `DECLARE @result int;
EXEC @result = sys.sp_getapplock @Resource = N'elstream capture', @LockMode = N'Exclusive', @LockOwner = N'Session', @LockTimeout = 60000;
SELECT @result AS result;`;

export const UNLOCK = "EXEC sys.sp_releaseapplock @Resource = N'elstream capture', @LockOwner = N'Session';";

export const ENABLE_DATABASE = 'EXEC sys.sp_cdc_enable_db;';

/** Net changes would need an index of their own, and nobody reads them. All columns: those that no event may carry are left to the connector, so that none is missed later. */
export function enableTable(table: TableName, instance: string, role: string | null): string {
  const gate = role === null ? 'NULL' : nString(role);
  return `EXEC sys.sp_cdc_enable_table @source_schema = ${nString(table.schema)}, @source_name = ${nString(table.name)}, @role_name = ${gate}, @capture_instance = ${nString(instance)}, @supports_net_changes = 0;`;
}

export function disableTable(table: TableName, instance: string): string {
  return `EXEC sys.sp_cdc_disable_table @source_schema = ${nString(table.schema)}, @source_name = ${nString(table.name)}, @capture_instance = ${nString(instance)};`;
}

/**
 * Procedures of CDC handle errors by themselves, which XACT_ABORT would forbid; and whoever waits for a lock on the schema
 * of a table holds up everybody behind (R14).
 */
export function unattended(statement: string, lockMs: number): string {
  return `SET XACT_ABORT OFF; SET LOCK_TIMEOUT ${String(lockMs)}; ${statement}`;
}

export function joinRole(role: string, user: string): string {
  return `ALTER ROLE ${bracket(role)} ADD MEMBER ${bracket(user)};`;
}

export const grantCdc = (user: string): string => `GRANT SELECT ON SCHEMA::[cdc] TO ${bracket(user)};`;
export const grantTable = (table: TableName, user: string): string => `GRANT SELECT ON ${bracketTable(table)} TO ${bracket(user)};`;

export function createSchema(schema: string): string {
  return `IF SCHEMA_ID(${nString(schema)}) IS NULL EXEC (${nString(`CREATE SCHEMA ${bracket(schema)}`)});`;
}

/** Names of pipelines are told apart as bytes are. `capture` is what elstream noted of the capture instances. */
export function createCounter(table: TableName): string {
  return `IF OBJECT_ID(${nString(bracketTable(table))}, N'U') IS NULL
  CREATE TABLE ${bracketTable(table)} (
    pipeline  nvarchar(100) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY,
    value     bigint NOT NULL,
    raised_at datetime2(3) NOT NULL,
    capture   nvarchar(max) NULL
  );`;
}

export function addCapture(table: TableName): string {
  return `ALTER TABLE ${bracketTable(table)} ADD capture nvarchar(max) NULL;`;
}

export function grantCounter(table: TableName, user: string): string {
  return `GRANT SELECT, INSERT, UPDATE, DELETE ON ${bracketTable(table)} TO ${bracket(user)};`;
}

export function lookAtCounter(table: TableName): string {
  const name = nString(bracketTable(table));
  return `SELECT c.name, TYPE_NAME(c.system_type_id) AS type, CASE WHEN c.is_nullable = 1 OR c.is_identity = 1 OR c.is_computed = 1 OR c.default_object_id <> 0 THEN 0 ELSE 1 END AS required,
       CASE WHEN EXISTS (SELECT 1 FROM sys.indexes AS i JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id
                          WHERE i.object_id = c.object_id AND i.is_primary_key = 1 AND k.column_id = c.column_id) THEN 1 ELSE 0 END AS keyed
  FROM sys.columns AS c
 WHERE c.object_id = OBJECT_ID(${name}, N'U');
SELECT CASE WHEN HAS_PERMS_BY_NAME(${name}, N'OBJECT', N'SELECT') = 1 AND HAS_PERMS_BY_NAME(${name}, N'OBJECT', N'INSERT') = 1
             AND HAS_PERMS_BY_NAME(${name}, N'OBJECT', N'UPDATE') = 1 AND HAS_PERMS_BY_NAME(${name}, N'OBJECT', N'DELETE') = 1 THEN 1 ELSE 0 END AS usable;`;
}

/** The milliseconds since 1970: a row made anew has jumped forward, unless it was raised more than a thousand times a second (R3 a). */
const FIRST = "DATEDIFF_BIG(millisecond, CONVERT(datetime2(3), '1970-01-01T00:00:00', 126), SYSUTCDATETIME())";

/** `there` is 0 where there is no such table, or none that the login may see. */
function whereThere(table: TableName, lockMs: number, statements: string): string {
  return `SET XACT_ABORT ON; SET LOCK_TIMEOUT ${String(lockMs)};
IF OBJECT_ID(${nString(bracketTable(table))}, N'U') IS NULL
BEGIN
  SELECT 0 AS there;
  RETURN;
END;
BEGIN TRANSACTION;
${statements}
COMMIT TRANSACTION;
SELECT 1 AS there;`;
}

/**
 * One batch from BEGIN to COMMIT (R2). The range lock makes two that find no row wait for each other: the second raises what
 * the first has made.
 */
export function raiseCounter(table: TableName, lockMs: number): string {
  return whereThere(
    table,
    lockMs,
    `UPDATE ${bracketTable(table)} WITH (UPDLOCK, HOLDLOCK) SET value = value + 1, raised_at = SYSUTCDATETIME() WHERE pipeline = @pipeline;
IF @@ROWCOUNT = 0
  INSERT INTO ${bracketTable(table)} (pipeline, value, raised_at) VALUES (@pipeline, ${FIRST}, SYSUTCDATETIME());`,
  );
}

/** The same, noting what captures the pipeline; `@step` 2 leaves a number out, which whoever read before takes for a log gap. */
export function recordCapture(table: TableName, lockMs: number): string {
  return whereThere(
    table,
    lockMs,
    `UPDATE ${bracketTable(table)} WITH (UPDLOCK, HOLDLOCK) SET value = value + @step, raised_at = SYSUTCDATETIME(), capture = @capture WHERE pipeline = @pipeline;
IF @@ROWCOUNT = 0
  INSERT INTO ${bracketTable(table)} (pipeline, value, raised_at, capture) VALUES (@pipeline, ${FIRST}, SYSUTCDATETIME(), @capture);`,
  );
}

export const readCounter = (table: TableName): string => `SELECT pipeline, value, capture FROM ${bracketTable(table)};`;
export const deleteCounter = (table: TableName): string => `DELETE FROM ${bracketTable(table)} WHERE pipeline = @pipeline;`;

/** Only an empty one goes: a pipeline may have made its row meanwhile. Two conditions: one that names a table that is gone fails as a whole. */
export function dropCounter(table: TableName): string {
  return `SET XACT_ABORT ON;
BEGIN TRANSACTION;
IF OBJECT_ID(${nString(bracketTable(table))}, N'U') IS NOT NULL
BEGIN
  IF NOT EXISTS (SELECT 1 FROM ${bracketTable(table)} WITH (TABLOCKX, HOLDLOCK))
    DROP TABLE ${bracketTable(table)};
END;
COMMIT TRANSACTION;`;
}

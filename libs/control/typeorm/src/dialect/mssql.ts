import { ElstreamError } from '@elstream/core';
import { CONTROL_SCHEMA } from '@elstream/database';
import { table } from '../mssql/batches';
import { bit, int, json, text } from '../mssql/parameters';
import type { ControlDialect } from './dialect';

/** How long a process waits for another that migrates. */
const MIGRATION_WAIT_MS = 60_000;

/**
 * Statements for SQL Server 2017 and later, whether READ COMMITTED locks or reads row versions: whatever is decided by a
 * row is decided under UPDLOCK, which reads the row as it is. No MERGE: it does not hold off an insert of the same key.
 */
export const mssqlStatements = {
  /** Which no row stands for: the range is locked, so that of two one inserts. */
  insertPipeline: `INSERT INTO ${table('pipeline')} (name)
SELECT @0 WHERE NOT EXISTS (SELECT 1 FROM ${table('pipeline')} WITH (UPDLOCK, HOLDLOCK) WHERE name = @0)`,

  /**
   * Two statements, each atomic and conditional: the first takes what is there, the second what is not. The clock is read
   * when a statement begins; one that waited for the row's lock judges too early and gives itself too little, never the
   * other way round.
   */
  lead: `DECLARE @won int;
UPDATE ${table('lease')} WITH (UPDLOCK, ROWLOCK)
   SET holder = @1, expires_at = DATEADD(millisecond, @2, SYSUTCDATETIME())
 WHERE role = @0 AND (holder = @1 OR expires_at <= SYSUTCDATETIME() OR @3 = 1);
SET @won = @@ROWCOUNT;
IF @won = 0
BEGIN
  INSERT INTO ${table('lease')} (role, holder, expires_at)
  SELECT @0, @1, DATEADD(millisecond, @2, SYSUTCDATETIME())
   WHERE NOT EXISTS (SELECT 1 FROM ${table('lease')} WITH (UPDLOCK, HOLDLOCK) WHERE role = @0);
  SET @won = @@ROWCOUNT;
END;
SELECT @won AS won;`,

  pendingTasks: `SELECT LOWER(CONVERT(nvarchar(36), t.id)) AS id, LOWER(CONVERT(nvarchar(36), r.id)) AS runId, r.pipeline, k.kind
  FROM ${table('run')} AS r
 CROSS JOIN (SELECT CONVERT(int, j.[key]) AS place, CONVERT(nvarchar(64), j.value) COLLATE Latin1_General_100_BIN2 AS kind FROM OPENJSON(@0) AS j) AS k
 CROSS APPLY (SELECT TOP (@1) p.id, p.ordinal FROM ${table('task')} AS p WHERE p.run_id = r.id AND p.kind = k.kind AND p.state = N'pending' ORDER BY p.ordinal) AS t
 WHERE r.state = N'running'
 ORDER BY k.place, ROW_NUMBER() OVER (PARTITION BY r.id, k.kind ORDER BY t.ordinal), r.seq`,

  /** Of the transaction: it goes with a connection that breaks. */
  migrationLock: `DECLARE @result int;
EXEC @result = sp_getapplock @Resource = N'elstream.migration', @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = ${String(MIGRATION_WAIT_MS)};
SELECT @result AS result;`,

  schemaExists: `SELECT 1 AS found FROM sys.schemas WHERE name = @0`,
  createSchema: `CREATE SCHEMA ${CONTROL_SCHEMA}`,
} as const;

export const mssqlDialect: ControlDialect = {
  product: 'mssql',
  now: () => 'SYSUTCDATETIME()',
  table,
  ago: (parameter) => `DATEADD(millisecond, -${parameter}, SYSUTCDATETIME())`,
  counts: (column, name) => ({
    // type 2 is a number
    sql: `EXISTS (SELECT 1 FROM OPENJSON(${column}) AS j WHERE j.[key] = :counted AND j.type = 2 AND TRY_CONVERT(float, j.value) > 0)`,
    parameters: { counted: name },
  }),
  // A part that is set to NULL is left out (lax mode).
  without: (column, names) => ({
    sql: names.reduce((of, _, i) => `JSON_MODIFY(${of}, :without${String(i)}, NULL)`, column),
    parameters: Object.fromEntries(names.map((name, i) => [`without${String(i)}`, `$.${JSON.stringify(name)}`])),
  }),
  parsed: (raw) => (typeof raw === 'string' ? (JSON.parse(raw) as Record<string, unknown>) : null),
  isOneOf: (column, ids) => ({
    sql: `${column} IN (SELECT CONVERT(uniqueidentifier, j.value) FROM OPENJSON(:ids) AS j)`,
    parameters: { ids: json(ids) },
  }),

  pendingTasks: (kinds, limit) => ({ sql: mssqlStatements.pendingTasks, parameters: [json(kinds), int(limit)] }),

  async insertPipeline(manager, name) {
    await manager.query(mssqlStatements.insertPipeline, [text(name)]);
  },

  async lead(sql, { role, holder, forMs, steal }) {
    const [row] = await sql.query<{ won: number }>(mssqlStatements.lead, [text(role), text(holder), int(Math.ceil(forMs)), bit(steal)]);
    return row?.won === 1;
  },

  async prepareMigration(sql) {
    const [lock] = await sql.query<{ result: number }>(mssqlStatements.migrationLock);
    if (lock === undefined || lock.result < 0) {
      throw new ElstreamError('DB_LOCK_TIMEOUT', 'retry', `another process has been migrating the control tables for more than ${String(MIGRATION_WAIT_MS / 1_000)} s`);
    }
    const schema = await sql.query(mssqlStatements.schemaExists, [text(CONTROL_SCHEMA)]);
    if (schema.length === 0) await sql.execute(mssqlStatements.createSchema);
  },
};

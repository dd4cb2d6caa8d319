import { bracketTable, CONTROL_SCHEMA } from '@elstream/database';
import { LOCK_TIMEOUT } from './lock-timeout';

/** Rows per INSERT, and rows of a statement: from 5,000 locks on, the server would lock the whole table instead, for all pipelines. */
export const INSERT_ROWS = 1_000;
const CHANGED_ROWS = 4_000;

export const table = (name: string): string => bracketTable({ schema: CONTROL_SCHEMA, name });

const ACTIVE = `state IN (N'pending', N'running')`;

/**
 * A transaction as one batch, from BEGIN to COMMIT (R2): SQL Server ends no transaction for being idle, so a client that
 * stood still in the middle of one would hold its locks until it goes on. What is told is told after COMMIT: a result that
 * nobody fetches holds no locks.
 *
 * @param body sets `@outcome`; `told`: more columns of the one row that is told
 */
function transaction(declare: string, body: string, told = ''): string {
  return `SET NOCOUNT ON; SET XACT_ABORT ON; ${LOCK_TIMEOUT}
DECLARE @outcome nvarchar(16)${declare === '' ? '' : `, ${declare}`};
BEGIN TRANSACTION;
${body}
COMMIT TRANSACTION;
SELECT @outcome AS outcome${told};`;
}

/** The statement again and again until it finds no more rows. */
function inPieces(statement: string): string {
  return `SET @rows = 1;
WHILE @rows > 0
BEGIN
  ${statement};
  SET @rows = @@ROWCOUNT;
END;`;
}

/**
 * Holds off other planners and the run's end. No condition but the id: with one on the state the filtered
 * index could answer alone, and would be all that is locked.
 */
const lockRun = (id: string, reads = '@state = state'): string => `SELECT ${reads} FROM ${table('run')} WITH (UPDLOCK, ROWLOCK) WHERE id = ${id};`;
const RUN_STATE = '@state nvarchar(64)';
/** The pipeline too, of tasks that are added. */
const RUN = { variables: `${RUN_STATE}, @pipeline nvarchar(100)`, lock: (id: string): string => lockRun(id, '@state = state, @pipeline = pipeline') };
const RUN_ACTIVE = `@state IN (N'pending', N'running')`;

/** Holds off other changes of the pipeline and its tables. */
const lockPipeline = (name: string, reads = '@found = name'): string => `SELECT ${reads} FROM ${table('pipeline')} WITH (UPDLOCK, ROWLOCK) WHERE name = ${name};`;
const FOUND = '@found nvarchar(100)';

const cancelTasks = (run: string): string =>
  inPieces(`UPDATE TOP (${String(CHANGED_ROWS)}) ${table('task')} SET state = N'cancelled', finished_at = SYSUTCDATETIME()
   WHERE run_id = ${run} AND ${ACTIVE}`);

/** One INSERT per parameter, each a JSON array of at most `INSERT_ROWS` tasks. Texts longer than their column are an error, not NULL. */
function insertTasks(run: string, pipeline: string, parameters: readonly string[]): string {
  return parameters
    .map(
      (json) => `INSERT INTO ${table('task')} (id, run_id, pipeline, table_id, kind, epoch, ordinal, payload)
SELECT n.id, ${run}, ${pipeline}, n.table_id, n.kind, n.epoch, n.ordinal, n.payload
  FROM OPENJSON(${json}) WITH (
    id uniqueidentifier '$.id', table_id nvarchar(4000) '$.tableId', kind nvarchar(4000) '$.kind', epoch int '$.epoch', ordinal int '$.ordinal',
    payload nvarchar(max) '$.payload' AS JSON) AS n;`,
    )
    .join('\n');
}

const parametersFrom = (first: number, count: number): string[] => Array.from({ length: count }, (_, i) => `@${String(first + i)}`);

/**
 * What was read before the batch still holds: ordinals of a run only grow, under its lock, so an equal highest one means
 * the same tasks. The index `task_order` answers, no column of which is ever changed: so no chunk in work is waited for.
 */
const unmoved = (run: string, expected: string, then: string): string => `SELECT TOP (1) @last = ordinal FROM ${table('task')} WHERE run_id = ${run} ORDER BY ordinal DESC;
  IF COALESCE(@last, -1) <> ${expected} SET @outcome = N'moved';
  ELSE
  BEGIN
${then}
  END;`;

/** Transactions of the control store on SQL Server, with positional parameters. `@outcome` NULL: there is no such run or pipeline, or the claim is lost. */
export const batches = {
  /** (Kind, table) of all tasks of the run. */
  taskGroups: `SELECT t.kind, t.table_id AS [table], MAX(t.ordinal) AS last
  FROM ${table('task')} AS t WHERE t.run_id = @0 GROUP BY t.kind, t.table_id`,

  /** @0 run, @1 highest ordinal known, @2 … tasks. */
  addTasks: (slices: number): string =>
    transaction(
      `@last int, ${RUN.variables}`,
      `${RUN.lock('@0')}
IF ${RUN_ACTIVE}
BEGIN
  ${unmoved('@0', '@1', `${insertTasks('@0', '@pipeline', parametersFrom(2, slices))}\nSET @outcome = N'added';`)}
END;`,
      ', @pipeline AS pipeline',
    ),

  /**
   * @0 run, @1 task, @2 epoch, @3 attempt, @4 result, @5 rows, @6 highest ordinal known, @7 … tasks that follow. The run
   * is locked before the task, as in `endRun`.
   */
  complete: (slices: number, { ofAttempt }: { readonly ofAttempt: boolean }): string => {
    const done = `UPDATE ${table('task')} SET state = N'done', result = @4, [rows] = COALESCE(@5, [rows]), error = NULL, finished_at = SYSUTCDATETIME()
   WHERE id = @1 AND run_id = @0 AND state = N'running' AND (epoch = @2 OR (epoch IS NULL AND @2 IS NULL))${ofAttempt ? ' AND attempt = @3' : ''};
  IF @@ROWCOUNT = 1
  BEGIN
    SET @outcome = N'done';
${insertTasks('@0', '@pipeline', parametersFrom(7, slices))}
  END;`;
    return transaction(slices === 0 ? RUN_STATE : `@last int, ${RUN.variables}`, `${slices === 0 ? lockRun('@0') : RUN.lock('@0')}\nIF ${RUN_ACTIVE}\nBEGIN\n  ${slices === 0 ? done : unmoved('@0', '@6', done)}\nEND;`);
  },

  /**
   * @0 id, @1 pipeline, @2 reason, @3 stages, @4 lane, @5 scope, @6 tables, @7 why a validation in the way is cancelled,
   * @8 … tasks. The pipeline's row is locked, so of two callers the second sees the first's run.
   */
  createRun: (slices: number): string =>
    transaction(
      `@active uniqueidentifier, @cancelled uniqueidentifier, @rows int, @gap nvarchar(max), ${FOUND}`,
      `${lockPipeline('@1', '@found = name, @gap = gap_reason')}
IF @found IS NOT NULL
BEGIN
  SELECT TOP (1) @active = id FROM ${table('run')} WHERE pipeline = @1 AND (lane = @4 OR (lane = N'load' AND @4 = N'validate')) AND ${ACTIVE};
  IF @2 = N'log-gap' AND @gap IS NULL SET @outcome = N'gap-gone';
  ELSE IF @active IS NOT NULL SET @outcome = N'active';
  ELSE
  BEGIN
    IF @4 = N'load'
    BEGIN
      SELECT TOP (1) @cancelled = id FROM ${table('run')} WHERE pipeline = @1 AND lane = N'validate' AND ${ACTIVE};
      IF @cancelled IS NOT NULL
      BEGIN
        UPDATE ${table('run')} SET state = N'cancelled', error = @7, finished_at = SYSUTCDATETIME() WHERE id = @cancelled AND ${ACTIVE};
        ${cancelTasks('@cancelled')}
      END;
    END;
    INSERT INTO ${table('run')} (id, pipeline, reason, stages, lane, scope, tables) VALUES (@0, @1, @2, @3, @4, @5, @6);
${insertTasks('@0', '@1', parametersFrom(8, slices))}
    SET @outcome = N'created';
  END;
END;`,
      ', @active AS active',
    ),

  /** @0 id, @1 state, @2 error, @3 only if the pipeline has a log gap. */
  endRun: transaction(
    '@rows int',
    `UPDATE r SET state = @1, error = @2, finished_at = SYSUTCDATETIME()
  FROM ${table('run')} AS r
 WHERE r.id = @0 AND r.${ACTIVE} AND (@3 = 0 OR EXISTS (SELECT 1 FROM ${table('pipeline')} AS p WHERE p.name = r.pipeline AND p.gap_reason IS NOT NULL));
IF @@ROWCOUNT = 1
BEGIN
  SET @outcome = N'ended';
  ${cancelTasks('@0')}
END;`,
  ),

  /** @0 run, @1 type, @2 table, @3 detail. The run stays locked from the moment the id is drawn: ids of one run become visible in their order. */
  addEvent: transaction(
    RUN_STATE,
    `${lockRun('@0')}
IF @state IS NOT NULL
BEGIN
  INSERT INTO ${table('run_event')} (run_id, type, table_id, detail) VALUES (@0, @1, @2, @3);
  SET @outcome = N'added';
END;`,
  ),

  /** @0 pipeline, @1 its mappings. */
  saveMappings: transaction(
    FOUND,
    `${lockPipeline('@0')}
IF @found IS NOT NULL
BEGIN
  DELETE FROM ${table('pipeline_table')} WHERE pipeline = @0;
  INSERT INTO ${table('pipeline_table')} (pipeline, table_id, ordinal, mapping)
  SELECT @0, n.id, n.ordinal, n.mapping FROM OPENJSON(@1) WITH (id nvarchar(4000) '$.id', ordinal int '$.ordinal', mapping nvarchar(max) '$.mapping' AS JSON) AS n;
  SET @outcome = N'saved';
END;`,
  ),

  /** As text, to be compared with. */
  storedMapping: `SELECT mapping FROM ${table('pipeline_table')} WHERE pipeline = @0 AND table_id = @1`,
  /** @0 pipeline, @1 table, @2 the mapping as it was read, @3 the one in its place. */
  replaceMapping: `SET NOCOUNT ON;
UPDATE ${table('pipeline_table')} SET mapping = @3 WHERE pipeline = @0 AND table_id = @1 AND mapping = @2;
SELECT @@ROWCOUNT AS replaced;`,

  /** @0 pipeline, @1 table, @2 highest number known, @3 id, @4 state, @5 change. */
  addSchemaChange: transaction(
    `@last bigint, ${FOUND}`,
    `${lockPipeline('@0')}
IF @found IS NOT NULL
BEGIN
  SELECT @last = MAX(seq) FROM ${table('schema_change')} WHERE pipeline = @0 AND table_id = @1;
  IF COALESCE(@last, 0) <> @2 SET @outcome = N'moved';
  ELSE
  BEGIN
    UPDATE ${table('schema_change')} SET state = N'obsolete', decided_at = SYSUTCDATETIME() WHERE pipeline = @0 AND table_id = @1 AND state = N'proposed';
    INSERT INTO ${table('schema_change')} (id, pipeline, table_id, state, change) VALUES (@3, @0, @1, @4, @5);
    SET @outcome = N'added';
  END;
END;`,
  ),

  /** @0 pipeline, @1 table, @2 run, @3 scope, @4 position, @5 … @8 counts. The range lock is held from the UPDATE on, so that of two one inserts. */
  saveValidation: transaction(
    '',
    `UPDATE ${table('validation')} WITH (UPDLOCK, HOLDLOCK)
   SET scope = @3, position = @4, rows_compared = @5, confirmed_equal = @6, unverified = @7, differences = @8, finished_at = SYSUTCDATETIME()
 WHERE pipeline = @0 AND table_id = @1 AND run_id = @2;
IF @@ROWCOUNT = 0
  INSERT INTO ${table('validation')} (pipeline, table_id, run_id, scope, position, rows_compared, confirmed_equal, unverified, differences)
  VALUES (@0, @1, @2, @3, @4, @5, @6, @7, @8);
SET @outcome = N'saved';`,
  ),

  /**
   * @0 pipeline. Locks from the pipeline downwards, in the order `createRun` (pipeline) and `endRun` (run, then tasks)
   * take theirs; mappings, runs and their events go with the pipeline (ON DELETE CASCADE). Tasks are found by their runs:
   * there is no index of theirs by pipeline.
   */
  removePipeline: (tables: readonly string[]): string =>
    transaction(
      `@rows int, @reason nvarchar(64), ${FOUND}`,
      `${lockPipeline('@0')}
SELECT @reason = MAX(reason) FROM ${table('run')} WITH (UPDLOCK, ROWLOCK) WHERE pipeline = @0;
IF @reason IS NOT NULL
BEGIN
  ${inPieces(`DELETE TOP (${String(CHANGED_ROWS)}) FROM ${table('task')} WHERE run_id IN (SELECT id FROM ${table('run')} WHERE pipeline = @0)`)}
END;
${tables.map((name) => inPieces(`DELETE TOP (${String(CHANGED_ROWS)}) FROM ${table(name)} WHERE pipeline = @0`)).join('\n')}
DELETE FROM ${table('pipeline')} WHERE name = @0;
SET @outcome = CASE WHEN @found IS NULL THEN N'unknown' ELSE N'removed' END;`,
    ),

  /**
   * Whose locks on control tables stand in the way: of all who have some, one that sleeps inside a transaction first. Wants
   * VIEW SERVER STATE (from 2022 on VIEW SERVER PERFORMANCE STATE suffices).
   */
  holder: `SET NOCOUNT ON; SET LOCK_TIMEOUT 2000;
SELECT TOP (1) s.session_id AS id, s.program_name AS program, s.host_name AS host, s.login_name AS login, s.status, DATEDIFF_BIG(second, s.last_request_start_time, SYSDATETIME()) AS seconds
  FROM sys.dm_exec_sessions AS s
 WHERE s.session_id <> @@SPID
   AND EXISTS (
     SELECT 1 FROM sys.dm_tran_locks AS l
       LEFT JOIN sys.partitions AS p ON l.resource_type IN (N'KEY', N'RID', N'PAGE') AND p.hobt_id = l.resource_associated_entity_id
      WHERE l.request_session_id = s.session_id AND l.resource_database_id = DB_ID() AND l.request_status = N'GRANT'
        AND (CASE WHEN l.resource_type <> N'OBJECT' THEN p.object_id WHEN l.request_mode NOT IN (N'IS', N'Sch-S') THEN l.resource_associated_entity_id END
               IN (SELECT o.object_id FROM sys.tables AS o WHERE o.schema_id = SCHEMA_ID(N'${CONTROL_SCHEMA}'))
          OR (l.resource_type = N'APPLICATION' AND l.resource_description LIKE N'%${CONTROL_SCHEMA}.migration%')))
 ORDER BY CASE s.status WHEN N'sleeping' THEN 0 ELSE 1 END, s.last_request_start_time`,
} as const;

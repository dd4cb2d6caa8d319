import { ElstreamError } from '@elstream/core';
import { nString, transactionSets, type Mssql, type MssqlParams, type TSqlSession } from '@elstream/database';
import { EXCLUSION_VARIABLES, exclusionLocks, type Exclusion } from './exclusion';

/** One server-side batch from BEGIN to COMMIT (R2): no round trip in between, so no stopped process can hold it open. */
export interface ServerTransaction {
  readonly lockMs: number;
  /** Declarations of the body, and what it prepares before BEGIN. */
  readonly declare?: string;
  /** In the transaction before the locks: rows of `elstream.run` only, which everybody locks first. */
  readonly first?: string;
  readonly exclusion: Exclusion;
  readonly pipeline: string;
  /** Tables whose batches and merges are excluded; none: no exclusion. */
  readonly tables: readonly string[];
  /**
   * Statements that tell their outcome by `leave` or, after them, by `commit`. `@now` is the time of the transaction, UTC.
   */
  readonly body: string;
}

/** T-SQL of the whole. Read Committed: every statement sees what is committed when it begins, so what is read after the locks is current. */
export function serverTransaction(of: ServerTransaction): string {
  const locks = exclusionLocks(of.exclusion, of.pipeline, of.tables, of.lockMs);
  const locking = locks.includes('@lane') ? [EXCLUSION_VARIABLES] : /@lock\b/.test(locks + of.body) ? ['DECLARE @lock int = 0;'] : [];
  return [
    `SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT ${String(of.lockMs)}; SET TRANSACTION ISOLATION LEVEL READ COMMITTED;`,
    ...locking,
    ...(of.declare === undefined ? [] : [of.declare]),
    'BEGIN TRANSACTION;',
    ...(of.first === undefined ? [] : [of.first]),
    ...(locks === '' ? [] : [locks, `IF @lock < 0\n${leave(LOCKED_OUT, '@lock AS code')}`]),
    ...(/@now\b/.test(of.body) ? ['DECLARE @now datetime2(6) = SYSUTCDATETIME();'] : []),
    of.body,
  ].join('\n');
}

const LOCKED_OUT = 'locked-out';

/** Rolls back and ends the batch with an outcome; `more`: further columns of its row, `then`: statements after it. */
export function leave(outcome: string, more?: string, then?: string): string {
  return `BEGIN
  ROLLBACK TRANSACTION;
  SELECT ${nString(outcome)} AS outcome${more === undefined ? '' : `, ${more}`};
${then === undefined ? '' : `  ${then}\n`}  RETURN;
END;`;
}

/** Commits and tells the outcome. */
export function commit(outcome: string, more?: string): string {
  return commitAs(nString(outcome), more);
}

/** The same, the outcome being an expression. */
export function commitAs(outcome: string, more?: string): string {
  return `COMMIT TRANSACTION;\nSELECT ${outcome} AS outcome${more === undefined ? '' : `, ${more}`};`;
}

/** What a transaction came to: the row with `outcome`, and the result sets after it. */
export interface ServerOutcome {
  readonly outcome: string;
  readonly row: Readonly<Record<string, unknown>>;
  readonly sets: readonly (readonly Readonly<Record<string, unknown>>[])[];
}

/** How long it may take. */
interface Limits {
  readonly timeoutMs?: number;
}

/** The server's own words for what `SEEK` meets name a hint of ours, which nobody can remove. */
function explained(error: unknown): unknown {
  if (!(error instanceof ElstreamError) || error.code !== 'DB_8622') return error;
  return new ElstreamError(error.code, error.recovery, 'rows cannot be looked up by their key: the primary key of a warehouse table (or of its delete markers in the schema elstream) is gone or disabled; make it again, or reset the table [SQL Server error 8622]', { cause: error });
}

/**
 * Runs it.
 *
 * @throws ElstreamError `DB_LOCK_TIMEOUT` (retry) where the exclusion was not had in time; classified errors of the server
 */
export async function runTransaction(sql: Mssql | TSqlSession, statement: string, params: MssqlParams = {}, limits: Limits = {}): Promise<ServerOutcome> {
  const sets = await transactionSets(sql, statement, params, limits).catch((error: unknown) => {
    throw explained(error);
  });
  const at = sets.findIndex((set) => set[0] !== undefined && 'outcome' in set[0]);
  const row = sets[at]?.[0];
  if (row === undefined) throw new ElstreamError('DB_NO_OUTCOME', 'retry', 'a transaction came to no outcome: the connection was cut off');
  const outcome = String(row['outcome']);
  if (outcome === LOCKED_OUT) throw new ElstreamError('DB_LOCK_TIMEOUT', 'retry', `another session holds a table's lock for too long (sp_getapplock: ${String(row['code'])})`);
  return { outcome, row, sets: sets.slice(at + 1) };
}

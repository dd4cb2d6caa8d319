import { createHash } from 'node:crypto';
import { END_TRANSACTION, nString } from '@elstream/database';
import { leave } from './server-transaction';

/** Two processes that follow one change, or prepare the table: one after the other. At the beginning of a transaction's body. */
export function ddlLock(tableSql: string, lockMs: number): string {
  const resource = `elstream:ddl:${createHash('sha256').update(tableSql, 'utf8').digest('hex').slice(0, 32)}`;
  return `EXEC @lock = sp_getapplock @Resource = ${nString(resource)}, @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = ${String(lockMs)};
IF @lock < 0
${leave('locked-out', '@lock AS code')}`;
}

/**
 * A statement compiled only when it is reached: what it names may not be there before. Where it does not compile, XACT_ABORT
 * ends nothing: what follows it would be done, and committed, without it.
 *
 * @param parameters as `sp_executesql` takes them after the statement: `N'@a int', @a = @b`
 */
export function dynamic(statement: string, parameters?: string): string {
  return `${dynamicBlock(statement, parameters)};`;
}

/** The same, as it may stand before ELSE. */
export function dynamicBlock(statement: string, parameters?: string): string {
  return `BEGIN
  EXEC sys.sp_executesql ${nString(statement)}${parameters === undefined ? '' : `, ${parameters}`};
  IF @@ERROR <> 0
  BEGIN
    ${END_TRANSACTION}
    RETURN;
  END;
END`;
}

/** Columns of a large table are rewritten for as long as it takes: broken off, it would begin anew for ever. Locks are waited for shortly. */
export const UNLIMITED = { timeoutMs: 0 } as const;

const LONGEST_WAIT_MS = 3_000;

/**
 * From here on, locks are waited for shortly only: behind a statement that waits to alter a table everybody else waits
 * too, so a long reader makes it `retry`.
 */
export function waitShortly(lockMs: number): string {
  return `SET LOCK_TIMEOUT ${String(Math.min(lockMs <= 0 ? LONGEST_WAIT_MS : lockMs, LONGEST_WAIT_MS))};`;
}

/** However many rows a statement touches, nobody is kept from the whole table. Also of a table that stood before elstream. 1: DISABLE. */
export function escalationOff(table: string): string {
  return `IF EXISTS (SELECT 1 FROM sys.tables AS e WHERE e.object_id = OBJECT_ID(${nString(table)}, N'U') AND e.lock_escalation <> 1) ALTER TABLE ${table} SET (LOCK_ESCALATION = DISABLE);`;
}

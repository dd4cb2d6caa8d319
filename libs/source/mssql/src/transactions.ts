import { type Mssql } from '@elstream/database';
import { type TransactionInProgress } from '@elstream/source';

export interface TransactionRow {
  /** Of the server instance. */
  readonly transaction: string;
  /** LSN of its first log record in this database: with it, an id used again after a restart is another transaction. */
  readonly begin: string;
  /** sys.dm_tran_database_transactions.database_transaction_state */
  readonly state: number;
  /** Null: nobody's (prepared by a coordinator that is gone, or in recovery). */
  readonly session: number | null;
  readonly login: string | null;
  readonly program: string | null;
  readonly host: string | null;
  readonly since: string | null;
}

/**
 * Transactions that have written log in this database and have not ended: prepared ones and those that are being
 * committed too, as their rows cannot be seen yet. The server's own (type 3) change no rows of tables. One bound to several
 * sessions is listed once. Needs VIEW SERVER STATE.
 */
export const LIST_TRANSACTIONS = `
SELECT CONVERT(nvarchar(20), d.transaction_id) AS [transaction], CONVERT(nvarchar(30), d.database_transaction_begin_lsn) AS [begin],
  CONVERT(int, d.database_transaction_state) AS state, CONVERT(int, s.session_id) AS session, s.login_name AS login, s.program_name AS program,
  s.host_name AS host, CONVERT(nvarchar(19), d.database_transaction_begin_time, 120) AS since
FROM sys.dm_tran_database_transactions AS d
  LEFT JOIN (SELECT x.transaction_id, MIN(x.session_id) AS session_id FROM sys.dm_tran_session_transactions AS x GROUP BY x.transaction_id) AS b ON b.transaction_id = d.transaction_id
  LEFT JOIN sys.dm_exec_sessions AS s ON s.session_id = b.session_id
WHERE d.database_id = DB_ID() AND d.database_transaction_begin_lsn IS NOT NULL AND d.database_transaction_type <> 3
ORDER BY d.database_transaction_begin_lsn`;

export async function listTransactions(sql: Mssql): Promise<TransactionInProgress[]> {
  return (await sql.rows<TransactionRow>(LIST_TRANSACTIONS)).map(toTransaction);
}

/** Those of the listed that are listed still: a transaction does not come back. */
export async function filterInProgress(sql: Mssql, listed: readonly TransactionInProgress[]): Promise<TransactionInProgress[]> {
  if (listed.length === 0) return [];
  const ids = new Set(listed.map((transaction) => transaction.id));
  return (await listTransactions(sql)).filter((transaction) => ids.has(transaction.id));
}

export function toTransaction(row: TransactionRow): TransactionInProgress {
  return { id: `${row.transaction}:${row.begin}`, holder: describeHolder(row) };
}

const PREPARED = 5;

function describeHolder({ transaction, state, session, login, program, host, since }: TransactionRow): string {
  const begun = `since ${since ?? 'an unknown time'}`;
  if (session === null) {
    const what = state === PREPARED ? 'prepared distributed transaction' : 'transaction';
    return `${what} ${transaction} without a session, ${begun}: its coordinator has to end it, or KILL with its unit of work (sys.dm_tran_active_transactions.transaction_uow)`;
  }
  const application = program === null || program.trim() === '' ? '' : ` (${program.trim()})`;
  const from = host === null || host.trim() === '' ? '' : ` from ${host.trim()}`;
  return `session ${String(session)} of ${login ?? 'an unknown login'}${application}${from}, ${begun}`;
}

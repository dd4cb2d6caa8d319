import { type Sql } from '@elstream/database';
import { type TransactionInProgress } from '@elstream/source';

/**
 * Transactions with an id are the ones that may have written; a snapshot's list holds all of them, prepared ones too.
 * Those of other databases are left out only where the server says so surely: a session whose transaction id we may
 * not see (no pg_read_all_stats) stays, as an unknown holder.
 */
const IN_PROGRESS = (ids: string): string => `
  WITH listed AS MATERIALIZED (${ids})
  SELECT DISTINCT ON (l.xid) l.xid::text AS id, a.pid, a.usename::text AS role, a.application_name AS application, a.client_addr::text AS address,
    a.xact_start::text AS since, p.gid, p.owner::text AS owner, p.prepared::text AS prepared
  FROM listed l LEFT JOIN pg_stat_activity a ON a.backend_xid = l.xid::xid LEFT JOIN pg_prepared_xacts p ON p.transaction = l.xid::xid
  WHERE (a.datname IS NULL OR a.datname = current_database()) AND (p.database IS NULL OR p.database = current_database())
  ORDER BY l.xid`;

const NOW = IN_PROGRESS('SELECT pg_snapshot_xip(pg_current_snapshot()) AS xid');
const STILL = IN_PROGRESS(`
  SELECT g.xid FROM unnest($1::xid8[]) g(xid), (SELECT pg_current_snapshot() AS now) s WHERE NOT pg_visible_in_snapshot(g.xid, s.now)`);

interface HolderRow {
  readonly id: string;
  readonly pid: number | null;
  readonly role: string | null;
  readonly application: string | null;
  readonly address: string | null;
  readonly since: string | null;
  readonly gid: string | null;
  readonly owner: string | null;
  readonly prepared: string | null;
}

/**
 * A snapshot lists ids below the highest one that has ended; an open transaction with the newest id would be missed. So
 * an id of our own is drawn and ended first: every transaction that had one by then is below it.
 * @param sql outside a transaction
 */
export async function listTransactions(sql: Sql): Promise<TransactionInProgress[]> {
  await sql.query('SELECT pg_current_xact_id()');
  return (await sql.query<HolderRow>(NOW)).map(toTransaction);
}

export async function filterInProgress(sql: Sql, ids: readonly string[]): Promise<TransactionInProgress[]> {
  return ids.length === 0 ? [] : (await sql.query<HolderRow>(STILL, [ids])).map(toTransaction);
}

function toTransaction(row: HolderRow): TransactionInProgress {
  return { id: row.id, holder: describeHolder(row) };
}

function describeHolder(row: HolderRow): string {
  if (row.gid !== null) return `prepared transaction '${row.gid}' of ${row.owner ?? 'an unknown role'}, prepared ${row.prepared ?? 'at an unknown time'}`;
  if (row.pid === null) return 'unknown session';
  const application = row.application === null || row.application === '' ? '' : ` (${row.application})`;
  const address = row.address === null ? '' : ` from ${row.address}`;
  return `session ${row.pid} of ${row.role ?? 'an unknown role'}${application}${address}, since ${row.since ?? 'an unknown time'}`;
}

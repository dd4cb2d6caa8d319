import { ElstreamError, sleep, type LogPosition } from '@elstream/core';
import { bracket, parseNumericLsn, type TSql } from '@elstream/database';
import { readServerFacts } from './check';

const FIRST_POLL_MS = 20;
const LAST_POLL_MS = 500;

export interface ReplicaRow {
  /** Of the database in its availability group: equal on all replicas. */
  readonly database: string;
  readonly isPrimary: boolean;
  /** numeric(25,0) as text; null: not told (a primary redoes nothing). */
  readonly redone: string | null;
  readonly commit: string | null;
}

/** How far the server connected to is, as a replica of an availability group. Needs VIEW SERVER STATE. */
export const READ_REPLICA = `
SELECT LOWER(CONVERT(nvarchar(36), r.group_database_id)) AS [database], ISNULL(r.is_primary_replica, 0) AS isPrimary,
  CONVERT(nvarchar(30), r.last_redone_lsn) AS redone, CONVERT(nvarchar(30), r.last_commit_lsn) AS [commit]
FROM sys.dm_hadr_database_replica_states AS r WHERE r.database_id = DB_ID() AND r.is_local = 1`;

async function readReplica(sql: TSql): Promise<ReplicaRow | null> {
  const [row] = await sql.rows<ReplicaRow>(READ_REPLICA);
  return row ?? null;
}

/**
 * True once the replica has redone the log up to `position`, or the last commit that the primary knew when this was
 * asked: behind that nothing was committed below `position`, and on a quiet server the log's end may not be sent for
 * minutes. False after `waitMs`. A replica that has become the primary shows everything.
 */
export async function replicaHasApplied(replica: TSql, primary: TSql, position: LogPosition, wait: { readonly waitMs: number; readonly signal: AbortSignal }): Promise<boolean> {
  const deadline = Date.now() + wait.waitMs;
  wait.signal.throwIfAborted();
  const due = (await readReplica(primary))?.commit ?? null;
  for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(2 * pollMs, LAST_POLL_MS)) {
    wait.signal.throwIfAborted();
    if (hasApplied(await readReplica(replica), { position, commit: due === null ? null : parseNumericLsn(due) })) return true;
    const leftMs = deadline - Date.now();
    if (leftMs <= 0) return false;
    await sleep(Math.min(pollMs, leftMs), wait.signal);
  }
}

/** Pure. @param due the end of the log, and the primary's last commit read after it. @throws ElstreamError REPLICA_GONE (stop) */
export function hasApplied(row: ReplicaRow | null, due: { readonly position: LogPosition; readonly commit: LogPosition | null }): boolean {
  if (row === null) throw new ElstreamError('REPLICA_GONE', 'stop', 'the database of source.readUrl is in no availability group any more; point it at a readable secondary of the source, or leave it out');
  if (row.isPrimary) return true;
  const reached = (lsn: string | null, position: LogPosition | null): boolean => lsn !== null && position !== null && !parseNumericLsn(lsn).isBelow(position);
  return reached(row.redone, due.position) || reached(row.commit, due.commit);
}

export interface ReplicaFacts {
  readonly row: ReplicaRow | null;
  readonly database: string;
  readonly login: string;
  readonly serverState: boolean;
}

export async function replicaFacts(sql: TSql): Promise<ReplicaFacts> {
  const { database, login, serverState } = await readServerFacts(sql);
  return { database, login, serverState, row: serverState ? await readReplica(sql) : null };
}

/** What keeps the server of `source.readUrl` from being read in place of the primary, each with its remedy. Pure. */
export function replicaProblems(replica: ReplicaFacts, primary: ReplicaFacts): string[] {
  if (!replica.serverState) return [`login ${replica.login} of source.readUrl may not see how far the replica is; run GRANT VIEW SERVER STATE TO ${bracket(replica.login)} in master of that server`];
  if (replica.row === null) return [`the database of source.readUrl (${replica.database}) is in no availability group; point it at a readable secondary of the source, or leave it out`];
  if (replica.row.isPrimary) return ['the server of source.readUrl is the primary of its availability group; point it at a readable secondary, or leave it out'];
  if (primary.row !== null && primary.row.database !== replica.row.database) return [`the database of source.readUrl (${replica.database}) is the replica of another one; point it at a readable secondary of ${primary.database}`];
  return [];
}

import { type DataSource } from 'typeorm';
import { ElstreamError, sleep, type LogPosition } from '@elstream/core';
import { identifySystem, onDatabase, parseLsn, type PostgresConnection } from '@elstream/database';

/** A standby that tables are read from, so that the primary's users do not feel it. */
export interface Replica {
  readonly dataSource: DataSource;
  readonly connection: PostgresConnection;
}

const FIRST_POLL_MS = 20;
const LAST_POLL_MS = 500;

/**
 * True once the replica has replayed the log up to `position`, false after `waitMs`. What the primary has written but not
 * flushed (a commit without synchronous_commit, a pruned page) is not sent, and on a quiet server would not be for
 * minutes: a message of ours, which nobody reads, moves it on.
 * @param flushPrefix prefix of that message
 */
export async function replicaHasApplied(replica: DataSource, primary: DataSource, position: LogPosition, wait: { readonly waitMs: number; readonly signal: AbortSignal; readonly flushPrefix: string }): Promise<boolean> {
  const deadline = Date.now() + wait.waitMs;
  for (let pollMs = FIRST_POLL_MS, first = true; ; pollMs = Math.min(2 * pollMs, LAST_POLL_MS), first = false) {
    wait.signal.throwIfAborted();
    if (!(await replayed(replica)).isBelow(position)) return true;
    if (first && (await flushed(primary)).isBelow(position)) {
      await onDatabase(primary, (sql) => sql.query(`SELECT pg_logical_emit_message(true, $1, '')`, [wait.flushPrefix]));
    }
    const leftMs = deadline - Date.now();
    if (leftMs <= 0) return false;
    await sleep(Math.min(pollMs, leftMs), wait.signal);
  }
}

/** Of a replica that was promoted there is no replay any more: reading it would compare with another history. */
async function replayed(replica: DataSource): Promise<LogPosition> {
  const [row] = await onDatabase(replica, (sql) => sql.query<{ standby: boolean; lsn: string | null }>('SELECT pg_is_in_recovery() AS standby, pg_last_wal_replay_lsn()::text AS lsn'));
  if (row?.standby !== true) throw new ElstreamError('REPLICA_PROMOTED', 'stop', 'the server of source.readUrl is no standby any more; point it at a standby of the primary, or leave it out');
  return parseLsn(row.lsn ?? '0/0');
}

async function flushed(primary: DataSource): Promise<LogPosition> {
  const [row] = await onDatabase(primary, (sql) => sql.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn()::text AS lsn'));
  return parseLsn(row?.lsn ?? '0/0');
}

/** What keeps the server of `source.readUrl` from being read in place of the primary, each with its remedy. */
export async function replicaProblems(replica: Replica, primary: { readonly dataSource: DataSource; readonly connection: PostgresConnection }): Promise<string[]> {
  const facts = async (of: DataSource) => {
    const [row] = await onDatabase(of, (sql) =>
      sql.query<{ standby: boolean; version: number; versionText: string; database: string }>(
        `SELECT pg_is_in_recovery() AS standby, current_setting('server_version_num')::int AS version, current_setting('server_version') AS "versionText", current_database()::text AS database`,
      ),
    );
    if (row === undefined) throw new RangeError('a server said nothing of itself');
    return row;
  };
  const [here, there] = await Promise.all([facts(replica.dataSource), facts(primary.dataSource)]);
  if (!here.standby) return ['the server of source.readUrl is no standby; point it at a streaming standby of the primary, or leave it out'];
  const problems: string[] = [];
  const [system, primarySystem] = await Promise.all([identifySystem(replica.connection), identifySystem(primary.connection)]);
  if (system.system !== primarySystem.system) problems.push('the server of source.readUrl is a standby of another primary; point it at one of the server of source.url');
  if (Math.floor(here.version / 10_000) !== Math.floor(there.version / 10_000)) {
    problems.push(`the server of source.readUrl is PostgreSQL ${here.versionText} and the primary ${there.versionText}; point it at a physical standby, which has the same major version`);
  }
  if (here.database !== there.database) problems.push(`source.readUrl names database ${here.database} and source.url database ${there.database}; name the same`);
  return problems;
}

import { ElstreamError, sleep, type LogPosition } from '@elstream/core';
import { onDatabase, parseLsn, type Sql } from '@elstream/database';
import { type DataSource } from 'typeorm';
import { slotBusy } from './slot-errors';

export interface SlotState {
  /** A logical slot of pgoutput in this very database, kept over restarts. */
  readonly ours: boolean;
  readonly lost: boolean;
  readonly confirmed: LogPosition | null;
  readonly retainedBytes: number | null;
}

/** Of our own slot alone; one that has lost its log retains none. */
export function retainedBy(slot: SlotState | null): number {
  return slot?.ours === true ? (slot.retainedBytes ?? 0) : 0;
}

export async function readSlot(dataSource: DataSource, slotName: string): Promise<SlotState | null> {
  return onDatabase(dataSource, async (sql) => {
    const rows = await sql.query<{ ours: boolean; lost: boolean; confirmed: string | null; retained: string | null }>(
      `SELECT coalesce(slot_type = 'logical' AND plugin = 'pgoutput' AND database = current_database() AND NOT temporary, false) AS ours,
              coalesce(wal_status = 'lost', false) OR restart_lsn IS NULL AS lost, confirmed_flush_lsn::text AS confirmed,
              pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::text AS retained
         FROM pg_replication_slots WHERE slot_name = $1`,
      [slotName],
    );
    const row = rows[0];
    if (row === undefined) return null;
    return {
      ours: row.ours,
      lost: row.lost,
      confirmed: row.confirmed === null ? null : parseLsn(row.confirmed),
      retainedBytes: row.retained === null ? null : Math.max(0, Number(row.retained)),
    };
  });
}

/**
 * Creates the slot and returns its consistent point: from there the log is whole. The server waits for every
 * transaction that has an id, of all databases, to end.
 * @throws ElstreamError STREAM_SLOT_TIMEOUT (retry) naming the sessions that hold it up
 */
export async function createSlot(dataSource: DataSource, slotName: string, timeoutMs: number): Promise<LogPosition> {
  return onDatabase(dataSource, async (sql) => {
    const [level] = await sql.query<{ level: string }>(`SELECT current_setting('wal_level') AS level`);
    if (level?.level !== 'logical') {
      throw new ElstreamError('SOURCE_WAL_LEVEL', 'stop', `wal_level of the source is ${level?.level ?? 'unknown'}; set wal_level = logical and restart the server`, { place: { setting: 'wal_level' } });
    }
    // Its own statement outside a transaction; the wait is for locks, which statement_timeout bounds too.
    await sql.query(`SELECT set_config('statement_timeout', $1, false), set_config('lock_timeout', '0', false)`, [String(timeoutMs)]);
    try {
      const [row] = await sql.query<{ lsn: string }>(`SELECT lsn::text AS lsn FROM pg_create_logical_replication_slot($1, 'pgoutput')`, [slotName]);
      return parseLsn(row?.lsn ?? '');
    } catch (error) {
      if (!isTimeout(error)) throw error;
      const holders = await holdersOf(sql);
      throw new ElstreamError('STREAM_SLOT_TIMEOUT', 'retry', `slot ${slotName} could not be created within ${timeoutMs} ms: the server waits for transactions to end: ${holders}; end them`, { cause: error });
    } finally {
      // The connection goes back to the pool.
      await sql.query('RESET statement_timeout');
      await sql.query('RESET lock_timeout');
    }
  });
}

function isTimeout(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === '57014' || code === '55P03';
}

async function holdersOf(sql: Sql): Promise<string> {
  const rows = await sql.query<{ holder: string }>(
    `SELECT 'session ' || pid || ' (' || concat_ws(', ', usename, nullif(application_name, ''), 'database ' || datname, 'since ' || to_char(xact_start, 'YYYY-MM-DD HH24:MI:SS TZ')) || ')' AS holder
       FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()
     UNION ALL
     SELECT 'prepared transaction ' || quote_literal(gid) || ' (' || concat_ws(', ', owner, 'database ' || database) || ')' FROM pg_prepared_xacts LIMIT 20`,
  );
  return rows.length === 0 ? 'none is left now, try again' : rows.map((row) => row.holder).join('; ');
}

/** How long a reader of ours may take to let go of a slot that is to be dropped, ms. */
const DROP_WAIT_MS = 10_000;

/**
 * Drops the slot if it exists, ending a reader of ours that holds it: by application name, or whoever (`any`) reads it,
 * where a connector does.
 * @throws ElstreamError STREAM_BUSY (retry) if somebody else reads it, or comes back again and again
 */
export async function dropSlot(dataSource: DataSource, slotName: string, reader: 'own' | 'any' = 'own'): Promise<void> {
  for (const deadline = Date.now() + DROP_WAIT_MS; ; await sleep(50)) {
    const outcome = await onDatabase(dataSource, (sql) => tryDrop(sql, slotName, reader));
    if (outcome === 'gone') return;
    if (outcome === 'foreign' || Date.now() > deadline) throw slotBusy(slotName, undefined);
  }
}

async function tryDrop(sql: Sql, slotName: string, reader: 'own' | 'any'): Promise<'gone' | 'busy' | 'foreign'> {
  // Compared with our own as the server spells it: it cuts names and escapes letters. A reader just ending has none any more.
  const rows = await sql.query<{ pid: number | null; ours: boolean }>(
    `SELECT s.active_pid AS pid, coalesce(a.application_name = (SELECT own.application_name FROM pg_stat_activity own WHERE own.pid = pg_backend_pid()), true) AS ours
       FROM pg_replication_slots s LEFT JOIN pg_stat_activity a ON a.pid = s.active_pid WHERE s.slot_name = $1`,
    [slotName],
  );
  const row = rows[0];
  if (row === undefined) return 'gone';
  if (row.pid !== null) {
    if (!row.ours && reader === 'own') return 'foreign';
    await sql.query('SELECT pg_terminate_backend($1)', [row.pid]);
    return 'busy';
  }
  try {
    await sql.query('SELECT pg_drop_replication_slot($1)', [slotName]);
    return 'gone';
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    // Taken or dropped by somebody between our look and the drop: look again.
    if (code === '55006' || code === '42704') return 'busy';
    throw error;
  }
}

import { ElstreamError, type LogPosition } from '@elstream/core';
import { t, type TSql } from '@elstream/database';
import { type RecordedCapture } from './record';
import { AGENT, CAPTURE_AGE, CAPTURE_ERRORS, CHANGE_BYTES, JOBS, LOG_BYTES, NEEDED_AGE } from './statements';

/** On an idle database the capture job writes an entry every five minutes, and our counter moves it each minute. */
const STALLED_S = 600;

export interface CaptureJobSeen {
  /** Since the newest commit that was captured; null: nothing ever was. */
  readonly ageS: number | null;
  /** Of SQL Server Agent, as the server calls it; null: not visible. */
  readonly agent: string | null;
  /** Number of the last error of capture; null: none, or not visible. */
  readonly error: number | null;
}

/** Why nothing is captured although nothing is lost, with the remedy; null: the job works. Pure. */
export function captureJobTrouble(database: string, { ageS, agent, error }: CaptureJobSeen): string | null {
  if (ageS !== null && ageS <= STALLED_S) return null;
  const since = ageS === null ? 'has captured nothing yet' : `has captured nothing for ${String(Math.floor(ageS / 60))} minutes`;
  const stopped = agent !== null && agent !== 'Running';
  const why = stopped ? `SQL Server Agent is ${agent.toLowerCase()}: start it` : `look whether SQL Server Agent runs and start the job in ${database}: EXEC sys.sp_cdc_start_job @job_type = N'capture'`;
  return `the capture job of database ${database} ${since}; ${why}${error === null ? '' : ` (its last error is ${String(error)}, see sys.dm_cdc_errors)`}`;
}

export async function readCaptureTrouble(sql: TSql, database: string): Promise<string | null> {
  const [age] = await sql.rows<{ seconds: number | null }>(CAPTURE_AGE);
  const ageS = age?.seconds ?? null;
  if (captureJobTrouble(database, { ageS, agent: null, error: null }) === null) return null;
  const agent = await optional(sql.rows<{ status: string }>(AGENT));
  const errors = await optional(sql.rows<{ number: number }>(CAPTURE_ERRORS));
  return captureJobTrouble(database, { ageS, agent: agent?.[0]?.status ?? null, error: errors?.[0]?.number ?? null });
}

/**
 * R14: a word before the clean-up job takes what has not been delivered yet; null: more than half of the time is left, or
 * nothing is known of it. Pure.
 *
 * @param neededS since what is needed next committed; null: that is gone already, which `status` tells
 * @param retentionMin of the clean-up job; null: not visible
 */
export function budgetWarning(neededS: number | null, retentionMin: number | null): string | null {
  if (neededS === null || retentionMin === null || neededS * 2 < retentionMin * 60) return null;
  const left = Math.max(0, retentionMin - Math.floor(neededS / 60));
  return `the connector has delivered what was captured up to ${String(Math.floor(neededS / 60))} minutes ago, and the source keeps it for ${String(retentionMin)}: ${String(left)} minutes are left; raise it: EXEC sys.sp_cdc_change_job @job_type = N'cleanup', @retention = ${String(retentionMin * 2)}`;
}

export async function readBudgetWarning(sql: TSql, needed: LogPosition): Promise<string | null> {
  const [age] = await sql.rows<{ seconds: number | null }>(NEEDED_AGE, { needed: t.varbinary(needed.toBytes(), 10) });
  const jobs = await optional(sql.rows<{ job_type: string; retention: string | number | null }>(JOBS));
  const retention = jobs?.find(({ job_type }) => job_type === 'cleanup')?.retention ?? null;
  return budgetWarning(age?.seconds ?? null, retention === null ? null : Number(retention));
}

/** Change tables of the recorded instances, and the log while it waits for the capture job; null: neither is visible. */
export async function readRetainedBytes(sql: TSql, { tables }: RecordedCapture, logWait: string): Promise<number | null> {
  const changes = await optional(sql.rows<{ bytes: string | null }>(CHANGE_BYTES, { instances: t.json([...tables.values()].map(({ instance }) => instance)) }));
  const log = logWait === 'REPLICATION' ? await optional(sql.rows<{ bytes: string | null }>(LOG_BYTES)) : null;
  const known = [changes, log].flatMap((rows) => (rows === null ? [] : [Number(rows[0]?.bytes ?? 0)]));
  return known.length === 0 ? null : known.reduce((sum, bytes) => sum + bytes, 0);
}

/** Denied; unknown object or procedure; "sysadmin", "dbo privileges are required". */
const HIDDEN: readonly string[] = ['DB_PRIVILEGE', 'DB_208', 'DB_2812', 'DB_22902', 'DB_22904'];

/** What a login of few rights may not see, a server of another kind does not have. */
async function optional<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof ElstreamError && HIDDEN.includes(error.code)) return null;
    throw error;
  }
}

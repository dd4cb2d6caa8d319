import { ElstreamError, type LogPosition } from '@elstream/core';
import { parseCdcLsn, type TSql } from '@elstream/database';

/**
 * The last record of the log, of whatever transaction: no commit that can be seen lies above it, as a commit is seen once
 * its record is written (delayed durability, of which that is not true, is refused where there is capture). How far
 * *capture* has got, sys.fn_cdc_get_max_lsn, lies below commits that capture has not read yet, so it bounds them from the
 * other side only. Asked of the primary: a secondary gives NULL. Needs VIEW SERVER STATE, from SQL Server 2022 on VIEW SERVER
 * PERFORMANCE STATE.
 */
export const END_OF_LOG = 'SELECT CONVERT(nvarchar(48), s.log_end_lsn) AS lsn FROM sys.dm_db_log_stats(DB_ID()) AS s';

export async function endOfLog(sql: TSql): Promise<LogPosition> {
  const [row] = await sql.rows<{ lsn: string | null }>(END_OF_LOG);
  const lsn = row?.lsn ?? null;
  if (lsn === null) throw new ElstreamError('SOURCE_LOG', 'retry', 'the source did not say where its log ends (sys.dm_db_log_stats); see that the database is online and that the login has VIEW SERVER STATE');
  return parseCdcLsn(lsn.trim());
}

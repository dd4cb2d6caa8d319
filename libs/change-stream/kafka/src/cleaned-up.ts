import { LogPosition } from '@elstream/core';
import { type CommittedOffset } from '@elstream/debezium';

/**
 * SQL Server: whether the clean-up job took changes that the connector had not delivered. It goes on at the first that is
 * left, without a word. Everything *at* what is left is still there, so that a transaction delivered in part is no gap.
 */
export function cleanedUp({ position }: CommittedOffset, left: LogPosition, name: string): string | null {
  if (position.equals(LogPosition.ZERO) || !position.isBelow(left)) return null;
  return `the source has cleaned up captured changes below ${left.hex}, and the connector ${name} has delivered them only up to ${position.hex}; keep them longer than the connector may be away: EXEC sys.sp_cdc_change_job @job_type = N'cleanup', @retention = <minutes>`;
}

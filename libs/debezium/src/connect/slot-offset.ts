import { type SourceOffset } from './connect-types';
import { JsonNumber } from './lossless-json';

/**
 * The offset of a PostgreSQL connector that begins at its slot, to be set before it runs for the first time: so it never runs
 * without one, and an event whose `source.sequence` lacks the last commit means that offsets were lost (R3).
 *
 * @param topicPrefix of the connector: the name of its source partition
 * @param confirmedFlush the slot's `confirmed_flush_lsn`
 */
export function slotOffset(topicPrefix: string, confirmedFlush: bigint): SourceOffset {
  const lsn = new JsonNumber(String(confirmedFlush));
  return { partition: { server: topicPrefix }, offset: { lsn, lsn_proc: lsn, lsn_commit: lsn } };
}

import { ElstreamError, LogPosition } from '@elstream/core';
import { type Connector } from '../handling';
import { type SourceOffset } from './connect-types';
import { JsonNumber, type LosslessJson } from './lossless-json';

/** How far a connector has delivered: everything that committed below `position` is acknowledged in Kafka. */
export interface CommittedOffset {
  /** ZERO: it has an offset, but no commit is known to be delivered yet. */
  readonly position: LogPosition;
  /** What committed *at* the position is acknowledged too. */
  readonly complete: boolean;
}

/**
 * From `ConnectClient.offsets`; with exactly-once support Connect commits them in the transaction of the records.
 *
 * PostgreSQL: `lsn_commit`, the *end* of the last commit record that was read before the record the offset belongs to (so at
 * once after a lone commit it equals `pg_current_wal_insert_lsn()`): a commit counts with whatever record is next, at the latest
 * with the second number that is raised after it (R3 a). Neither `lsn` nor `lsn_proc` will do: inside a
 * transaction they are positions of its changes, which lie above the commits of transactions that are still to come.
 * SQL Server: `commit_lsn`; with a `change_lsn` it is the transaction that is being delivered, without one an end of scan.
 *
 * @returns null if there is no offset at all: a connector that has delivered nothing (at most the notification that it began,
 * whose offset is empty), or a gap
 * @throws ElstreamError CONNECT_OFFSET (stop) for an offset of another form
 */
export function committedOffset(offsets: readonly SourceOffset[] | null, connector: Connector): CommittedOffset | null {
  const all = (offsets ?? []).filter(({ offset }) => Object.keys(offset).length > 0).map(({ offset }) => (connector === 'postgresql' ? postgres(offset) : sqlServer(offset)));
  // One database is one entry; were there more, the slowest would count.
  return all.reduce<CommittedOffset | null>((least, next) => (least === null || isBehind(next, least) ? next : least), null);
}

/** R4: strictly above `position`, or at it with the transaction complete. */
export function hasPassed(offset: CommittedOffset, position: LogPosition): boolean {
  return position.isBelow(offset.position) || (offset.complete && position.equals(offset.position));
}

type Fields = SourceOffset['offset'];

function isBehind(a: CommittedOffset, b: CommittedOffset): boolean {
  const order = a.position.compare(b.position);
  return order < 0 || (order === 0 && !a.complete);
}

function postgres(offset: Fields): CommittedOffset {
  const lsn = offset['lsn_commit'] ?? null;
  if (lsn === null) return { position: LogPosition.ZERO, complete: true };
  if (!(lsn instanceof JsonNumber) || !/^\d{1,20}$/.test(lsn.text)) throw unknownForm('lsn_commit');
  return { position: LogPosition.fromBigInt(BigInt(lsn.text), 8), complete: true };
}

function sqlServer(offset: Fields): CommittedOffset {
  const position = sqlServerLsn(offset, 'commit_lsn');
  if (position === null || isUnfinishedSnapshot(offset)) return { position: LogPosition.ZERO, complete: true };
  return { position, complete: sqlServerLsn(offset, 'change_lsn') === null };
}

/** Under `no_data` only the tables' structure is read; a crash in it leaves an offset that is not begun from. */
function isUnfinishedSnapshot(offset: Fields): boolean {
  return Object.hasOwn(offset, 'snapshot') && !isTrue(offset['snapshot_completed']);
}

function isTrue(value: LosslessJson | undefined): boolean {
  return value === true || value === 'true';
}

/** Debezium writes a missing LSN as null or as the text `NULL`. */
function sqlServerLsn(offset: Fields, field: string): LogPosition | null {
  const lsn = offset[field] ?? null;
  if (lsn === null || lsn === 'NULL') return null;
  if (typeof lsn !== 'string' || !/^[0-9a-f]{8}:[0-9a-f]{8}:[0-9a-f]{4}$/.test(lsn)) throw unknownForm(field);
  return LogPosition.parse(lsn.replaceAll(':', ''));
}

function unknownForm(field: string): ElstreamError {
  return new ElstreamError('CONNECT_OFFSET', 'stop', `the connector's committed ${field} is not of the form Debezium 3.6 writes; this release of elstream cannot tell how far capture is`);
}

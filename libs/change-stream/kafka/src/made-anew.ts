import { type Applied } from '@elstream/change-stream';
import { LogPosition, ruleHolds } from '@elstream/core';
import { type Connector } from '@elstream/debezium';
import { type KafkaClient, type StoredRecord } from './client';
import { type KafkaPartition, type LogRange } from './consumer';
import { fieldsOf } from './event-fields';

export interface Begun {
  readonly client: Pick<KafkaClient, 'recordsAt'>;
  readonly connector: Connector;
  /** What the log holds now; `next` lies in it. */
  readonly range: LogRange;
  /** Where the partition is to be read on. */
  readonly next: bigint;
  readonly applied: Applied;
  /** Its records tell no time of the source: that of the log was counted. */
  readonly timedByLog: boolean;
}

/**
 * Whether the partition's log is another than that which was read up to `next` (R2): its topic was deleted, made anew under
 * its name, and has grown beyond `next` already, so that no offset tells. Brokers know topics by an id; kafkajs cannot ask
 * for it, and checkpoints have no place for one.
 *
 * It must never be true of the same log, for then a table would be preloaded for nothing. So one record is looked at of
 * which it is certain that nothing applied is older, by what the checkpoint keeps:
 * - PostgreSQL: `highest` is the offset of the last event applied. The same record lies there for ever, was committed, and is
 *   in `committedAtUs`. Hence a marker, or a later time, is of another log.
 * - SQL Server: `highest` is a commit LSN, and its offset is not kept. A record whose LSN is above it proves nothing by itself:
 *   while a table is halted its events are passed over. But where the log still begins at 0, its first record lies at or
 *   before the event applied highest, hence below it in the source's log. By time too: a source that was restored begins again below.
 *
 * Of times the lesser counts, the source's or the log's, in milliseconds: poison that told none was counted by the log's,
 * and may tell one to a later release, which may also keep more digits. What is gone by retention, or cannot be read, proves
 * nothing. So these stay undetected: topics made anew that hold, in that place, what capture has sent again, or what is by
 * its time no later (clocks that stepped back); of SQL Server also where retention has taken their beginning, or it
 * was aborted; a checkpoint that was never moved over an event since a gap; and a topic made anew between two fetches of
 * a reader that reads on: kafkajs tells nothing then (it joins its group again only where a fetch came in between), and once
 * a batch of the new log is applied nothing shows it any more.
 */
export async function isMadeAnew(at: KafkaPartition, begun: Begun): Promise<boolean> {
  if (!ruleHolds('R3-offset-guard')) return false;
  const isOther = begun.connector === 'postgresql' ? placeTells : beginningTells;
  return isOther(at, begun);
}

async function placeTells(at: KafkaPartition, { client, range, next, applied, timedByLog }: Begun): Promise<boolean> {
  const place = applied.highest.toBigInt() >> 16n;
  if (place < range.first || place >= next) return false;
  const there = (await client.recordsAt(at, { offset: place, committed: false })).find(({ offset }) => offset === place);
  return there !== undefined && (there.control || (timeOf(there, timedByLog) ?? 0n) > applied.committedAtUs / 1000n);
}

async function beginningTells(at: KafkaPartition, { client, range, applied }: Begun): Promise<boolean> {
  if (range.first !== 0n) return false;
  const first = (await client.recordsAt(at, { offset: 0n, committed: true })).find(({ control }) => !control);
  const lsn = first === undefined ? null : commitLsnOf(first);
  return first !== undefined && lsn !== null && applied.highest.isBelow(lsn) && (timeOf(first, false) ?? 0n) > applied.committedAtUs / 1000n;
}

/** Milliseconds; null: it tells none. */
function timeOf(record: StoredRecord, byLog: boolean): bigint | null {
  const at = byLog ? record.timestampMs : sourceOf(record)['ts_ms'];
  return typeof at === 'number' && Number.isInteger(at) ? BigInt(Math.min(at, record.timestampMs)) : null;
}

function commitLsnOf(record: StoredRecord): LogPosition | null {
  const lsn = sourceOf(record)['commit_lsn'];
  return typeof lsn === 'string' && /^[0-9a-f]{8}:[0-9a-f]{8}:[0-9a-f]{4}$/i.test(lsn) ? LogPosition.parse(lsn.replaceAll(':', '').toLowerCase()) : null;
}

/** The source block of an event; empty where there is none. */
function sourceOf({ value }: StoredRecord): Readonly<Record<string, unknown>> {
  const { source } = fieldsOf(value);
  return typeof source === 'object' && source !== null ? (source as Readonly<Record<string, unknown>>) : {};
}

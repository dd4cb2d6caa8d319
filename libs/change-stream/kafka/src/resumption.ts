import { type CaptureSource } from '@elstream/change-stream';
import { CAPTURE_RESUMED, keyIdentity, type ChangeEvent, type TableMapping, type TransactionInfo } from '@elstream/core';
import { createEnvelopeDecoder, type Decoded } from '@elstream/debezium';
import { type KafkaRecord } from './consumer';
import { fieldsOf } from './event-fields';
import { isOfEarlier, lastRecords, type LastRecords, type Looking, type PlacedRecord } from './last-records';
import { nativesOf, offsetPosition, type Form } from './record-events';

/**
 * What Debezium leaves out when its PostgreSQL connector begins again, whatever ended it. It keeps the LSN of the last record
 * that Connect has committed, and passes over everything of that LSN; but rows of one multi-insert (COPY) share one, up to
 * a page of them, and so do the delete and the create of a changed key, and the tables of one truncate, while Connect ends its transactions between any two
 * records. At each of its starts it writes a notification, which streamers read as a partition of their own, so that each is
 * looked into once: which record was the last before, and what may have shared its LSN?
 *
 * Rejected: `transaction.boundary` and batch sizes of any kind (no record is a boundary the connector chooses); Debezium 3.7
 * counts the events of an LSN, but not the two of a changed key, nor the rest of a group of which it delivered one.
 */
export interface Resumption {
  readonly looking: Looking;
  readonly form: Form;
  readonly companions: CaptureSource['companions'];
  /** Topic → the table mapped to it. */
  readonly mapped: ReadonlyMap<string, TableMapping>;
}

/**
 * Records whose times lie no further apart may have been written in either order: brokers, or workers, stamp them, whose
 * clocks differ; of these the place in the log decides. Beyond, time does: of a source that was restored, or moved under the
 * same topic prefix, the log begins lower, and the last record of an idle table would be the highest for ever.
 */
const CLOCKS_MS = 600_000;

/** A notification of the connector: any other than that of a start tells nothing. */
export function isStart(record: KafkaRecord): boolean {
  const { aggregate_type: about } = fieldsOf(record.value);
  return about === 'Initial Snapshot';
}

/** What stands for the changes that may be missing since the start which `note` tells, for its place in its partition. */
export async function eventsOfStart(resumption: Resumption, note: PlacedRecord): Promise<readonly ChangeEvent[]> {
  const tx: TransactionInfo = { position: offsetPosition(note.offset, note.partition), committedAtUs: BigInt(note.timestampMs) * 1000n };
  const last = await lastRecords(resumption.looking, note, (record) => logPlace(record).join());
  if (await mayBeGone(last, resumption.looking)) {
    const reason = `${CAPTURE_RESUMED}: Debezium began again, and Kafka no longer has the last changes before that, which would tell what it may have left out: capture, or this stream, stood still for longer than they are kept (stream.retention)`;
    return [...resumption.mapped.values()].map(({ id: table }) => ({ op: 'reload', table, tx, reason }));
  }
  const missing: Missing[] = [];
  for (const group of lastGroups(last.records)) missing.push(...(await missingAfter(group, resumption)));
  return missing.flatMap(({ mapping, keys }): ChangeEvent[] => {
    const { id: table } = mapping;
    if (keys === null) {
      return [{ op: 'reload', table, tx, reason: `${CAPTURE_RESUMED}: Debezium began again behind a change of ${table} that may share its place in the log with others, which it then leaves out; which rows these are could not be told` }];
    }
    const reason = 'Debezium began again behind a change that shares its place in the log with this row, and may have left the row out; it is read again at the source';
    return keys.map((key) => ({ op: 'poison', table, tx, key, bytes: new Uint8Array(), code: CAPTURE_RESUMED, reason }));
  });
}

/**
 * Whether the very last record may have been one that retention took. It takes nothing that is younger than it says: what is
 * left is older than what is gone only where it is itself due by what holds for that. (The counter's topic is among them,
 * and written as long as capture runs: the youngest of what is left tells about when capture halted.)
 */
async function mayBeGone({ records, emptied }: LastRecords, { client }: Looking): Promise<boolean> {
  if (emptied.size === 0 || records.length === 0) return emptied.size > 0;
  const configs = await client.configs([...emptied]);
  const ageMs = Date.now() - youngest(records) + CLOCKS_MS;
  return [...configs.values()].some((settings) => {
    const retentionMs = Number(settings.get('retention.ms'));
    return retentionMs >= 0 && retentionMs < ageMs;
  });
}

const youngest = (records: readonly PlacedRecord[]): number => records.reduce((max, { timestampMs }) => Math.max(max, timestampMs), 0);

/** Keys null: it cannot be told which. */
interface Missing {
  readonly mapping: TableMapping;
  readonly keys: readonly (readonly string[])[] | null;
}

/** @param group all records of one LSN that were delivered */
async function missingAfter(group: readonly PlacedRecord[], resumption: Resumption): Promise<Missing[]> {
  const missing: Missing[] = [];
  for (const topic of new Set(group.map((record) => record.topic))) {
    const mapping = resumption.mapped.get(topic);
    if (mapping === undefined) continue;
    const decoder = createEnvelopeDecoder({ mapping, natives: nativesOf(mapping), ...resumption.form });
    const decoded = group.filter((record) => record.topic === topic).map((record) => decoder.decode(record));
    const keys = await missingOf(mapping, decoded, resumption);
    if (keys === null || keys.length > 0) missing.push({ mapping, keys });
  }
  // Of which other tables the truncate was, nothing tells.
  if (group.some(({ value }) => fieldsOf(value)['op'] === 't')) for (const [topic, mapping] of resumption.mapped) if (!group.some((record) => record.topic === topic)) missing.push({ mapping, keys: null });
  return missing;
}

async function missingOf(mapping: TableMapping, delivered: readonly Decoded[], { companions }: Resumption): Promise<Missing['keys']> {
  const left = delivered.flatMap((one) => (one.op === 'delete' && one.keyChange?.side === 'from' ? [one.keyChange.otherKey] : []));
  const arrived = delivered.filter((one) => (one.op === 'insert' || one.op === 'update') && one.keyChange?.side === 'to').length;
  if (left.length > arrived) return left.some((key) => key === null) ? null : left.filter((key) => key !== null);
  const inserts = delivered.flatMap((one) => (one.op === 'insert' && one.keyChange === null && !one.snapshotRead ? [one] : []));
  const [first] = inserts;
  // Poison tells nothing: it may have been an insert.
  if (first === undefined) return delivered.some(({ op }) => op === 'poison') ? null : [];
  const txId = first.source.connector === 'postgresql' ? first.source.txId : null;
  const beside = txId === null ? null : ((await companions?.(mapping, { key: first.key, txId })) ?? null);
  if (beside === null) return null;
  const there = new Set(inserts.map(({ key }) => keyIdentity(mapping, key)));
  return beside.filter((key) => !there.has(keyIdentity(mapping, key)));
}

/**
 * Of the partitions' last records those that may have been the very last of all. More than those of one place only where
 * the task's own epochs prove that places went back since the highest was written: then also the highest of what is later.
 */
function lastGroups(records: readonly PlacedRecord[]): (readonly PlacedRecord[])[] {
  const fromMs = youngest(records) - CLOCKS_MS;
  let rest = records.filter(({ timestampMs }) => timestampMs >= fromMs);
  const groups: (readonly PlacedRecord[])[] = [];
  while (rest.length > 0) {
    const group = newest(rest);
    groups.push(group);
    rest = rest.filter((record) => group.some((highest) => isOfEarlier(highest, record)));
  }
  return groups;
}

/** Those at the highest place of the log, over all partitions. */
function newest(records: readonly PlacedRecord[]): readonly PlacedRecord[] {
  let highest: PlacedRecord[] = [];
  for (const record of records) {
    const order = highest[0] === undefined ? 1 : compare(logPlace(record), logPlace(highest[0]));
    if (order > 0) highest = [record];
    else if (order === 0) highest.push(record);
  }
  return highest;
}

/** `source.sequence`: the commit before the transaction, then the change's own LSN: in this order one task writes. */
type LogPlace = readonly [commit: bigint, change: bigint];

function logPlace({ value }: KafkaRecord): LogPlace {
  const { source } = fieldsOf(value);
  const sequence = (source as { readonly sequence?: unknown } | null | undefined)?.sequence;
  const [commit, change] = typeof sequence === 'string' ? (JSON.parse(sequence) as readonly (string | null)[]) : [];
  return [BigInt(commit ?? 0), BigInt(change ?? 0)];
}

const compare = (a: LogPlace, b: LogPlace): number => (a[0] === b[0] ? order(a[1], b[1]) : order(a[0], b[0]));
const order = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

import { ElstreamError } from '@elstream/core';
import { randomBytes } from 'node:crypto';
import { type KafkaClient } from './client';
import { type KafkaPartition, type KafkaRecord } from './consumer';

/** A record, and where it lies. */
export type PlacedRecord = KafkaRecord & KafkaPartition;

export interface Looking {
  readonly client: KafkaClient;
  /** The beginning of the group's name. */
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly signal: AbortSignal;
}

type Note = Pick<KafkaRecord, 'timestampMs' | 'producer'>;

/** Offsets of a partition that are read at first (more than the rows of a page), and how many times as many where they held nothing. */
const WINDOW = 320n;
const WIDER = 16n;

interface Window {
  readonly at: KafkaPartition;
  readonly first: bigint;
  readonly from: bigint;
  readonly to: bigint;
}

/** Whether the producer of both tells by its epochs that `record` is of an earlier transaction than `other`. */
export function isOfEarlier({ producer: mine }: KafkaRecord, { producer: its }: Note): boolean {
  return mine !== undefined && mine.epoch >= 0 && mine.id === its?.id && mine.epoch < its.epoch;
}

/**
 * By the epochs of one producer where both are its. One epoch is one transaction, or all since the producer began (brokers
 * without KIP-890), while Debezium can begin again under the same producer; then by when each was sent: by one clock, the
 * note before all that follows it, in its transaction too, and seconds after what was before. Not by when brokers stamped
 * them: of one transaction, one may be slower than another. Else by their clocks: between producers lies the start of a
 * task, a second or so.
 */
function isBefore(record: KafkaRecord, note: Note): boolean {
  const [mine, its] = [record.producer, note.producer];
  if (mine === undefined || mine.epoch < 0 || mine.id !== its?.id) return record.timestampMs < note.timestampMs;
  return mine.epoch === its.epoch ? mine.sentMs < its.sentMs : mine.epoch < its.epoch;
}

export interface LastRecords {
  readonly records: readonly PlacedRecord[];
  /** Topics with a partition whose log has lost its beginning, and has nothing left from before the note. */
  readonly emptied: ReadonlySet<string>;
}

/**
 * Of each partition the last committed records that were written before `note`, by an earlier transaction: those which
 * `groupOf` puts together with the very last of them. What was written with the note, or after it, does not count.
 */
export async function lastRecords(looking: Looking, note: Note, groupOf: Choice['groupOf']): Promise<LastRecords> {
  const { client, topics } = looking;
  const ranges = await client.offsetsOf(topics);
  let windows: Window[] = [];
  for (const [topic, partitions] of ranges) {
    const stamped = await client.offsetsAt(topic, note.timestampMs + 1);
    for (const { partition, first, end } of partitions) {
      const to = stamped.get(partition) ?? end;
      windows.push({ at: { topic, partition }, first, from: to - WINDOW > first ? to - WINDOW : first, to });
    }
  }
  const records: PlacedRecord[] = [];
  const emptied = new Set<string>();
  for (let size = WINDOW * WIDER; windows.length > 0; size *= WIDER) {
    const { last, shortened } = await readWindows(looking, windows, { counts: (record) => isBefore(record, note), groupOf });
    for (const group of last.values()) records.push(...group.records);
    // Nothing but aborted records, markers, or what came with the note.
    const empty = windows.filter(({ at }) => !last.has(nameOf(at)));
    for (const { at, first, from } of empty) if (shortened.has(nameOf(at)) || (first > 0n && from === first)) emptied.add(at.topic);
    windows = empty.flatMap(({ at, first, from: to }) => (to > first && !shortened.has(nameOf(at)) ? [{ at, first, to, from: to - size > first ? to - size : first }] : []));
  }
  return { records, emptied };
}

interface Choice {
  readonly counts: (record: KafkaRecord) => boolean;
  readonly groupOf: (record: KafkaRecord) => string;
}

interface Group {
  readonly name: string;
  readonly records: PlacedRecord[];
}

interface Found {
  /** By partition. */
  readonly last: ReadonlyMap<string, Group>;
  /** Partitions of which retention took a part of the window meanwhile. */
  readonly shortened: ReadonlySet<string>;
}

async function readWindows({ client, groupId, topics, signal }: Looking, windows: readonly Window[], { counts, groupOf }: Choice): Promise<Found> {
  const last = new Map<string, Group>();
  const shortened = new Set<string>();
  const open = new Map(windows.filter(({ from, to }) => from < to).map((window) => [nameOf(window.at), window]));
  if (open.size === 0) return { last, shortened };
  let [done, failed] = [(): void => undefined, (_: unknown): void => undefined];
  const all = new Promise<void>((resolve, reject) => ([done, failed] = [resolve, reject]));
  all.catch(() => undefined);
  const stopped = (): void => failed(signal.reason instanceof Error ? signal.reason : new ElstreamError('KAFKA', 'retry', 'the reading ended'));
  signal.addEventListener('abort', stopped, { once: true });
  const consumer = await client.consume({
    // Of its own: another look at the same time would take partitions from it.
    groupId: `${groupId}.resumed.${randomBytes(6).toString('hex')}`,
    topics: [...new Set(windows.map(({ at }) => at.topic))],
    producersOf: new Set(topics),
    startAt: (at) => Promise.resolve(open.get(nameOf(at))?.from ?? null),
    onBatch: ({ records, next, ...at }) => {
      const name = nameOf(at);
      const window = open.get(name);
      if (window === undefined) return Promise.resolve('stop');
      for (const record of records) {
        if (record.offset >= window.to || !counts(record)) continue;
        const placed = { ...record, topic: at.topic, partition: at.partition };
        const group = groupOf(record);
        const kept = last.get(name);
        if (kept?.name === group) kept.records.push(placed);
        else last.set(name, { name: group, records: [placed] });
      }
      if (next < window.to) return Promise.resolve(undefined);
      open.delete(name);
      if (open.size === 0) done();
      return Promise.resolve('stop');
    },
    // Retention has just come by: what is left is looked at.
    onGap: ({ logStart, ...at }) => {
      const window = open.get(nameOf(at));
      if (window === undefined) return;
      shortened.add(nameOf(at));
      open.set(nameOf(at), { ...window, from: logStart });
      if (logStart < window.to) consumer.again(at);
      else open.delete(nameOf(at));
      if (open.size === 0) done();
    },
    onFailure: failed,
    sessionTimeoutMs: 30_000,
    concurrency: 1,
  });
  try {
    if (signal.aborted) stopped();
    await all;
    return { last, shortened };
  } finally {
    signal.removeEventListener('abort', stopped);
    await consumer.close();
  }
}

const nameOf = ({ topic, partition }: KafkaPartition): string => `${topic}/${String(partition)}`;

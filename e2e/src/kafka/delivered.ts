import { randomBytes } from 'node:crypto';
import { type KafkaClient, type KafkaRecord } from '@elstream/change-stream-kafka';

/** What capture has written of a table since some offsets. */
export interface Delivered {
  /** Inserts, updates and deletes. */
  readonly events: number;
  /** Keys, as JSON, to which rows were moved by key changes of which Debezium wrote the first half alone (it leaves the second out where it begins again between them). */
  readonly halves: readonly string[];
  /** Keys, as JSON, of inserted rows. */
  readonly inserted: ReadonlySet<string>;
}

interface Envelope {
  readonly op: string;
  readonly source: { readonly txId: number; readonly lsn: number };
}

/** The end of each partition, the first offset that is still to come. */
export async function endsOf(client: KafkaClient, topic: string): Promise<ReadonlyMap<number, bigint>> {
  return new Map((await client.offsets(topic)).map(({ partition, end }) => [partition, end]));
}

/** Reads all committed records of a topic from `since` to its present end. */
export async function deliveredSince(client: KafkaClient, topic: string, since: ReadonlyMap<number, bigint>): Promise<Delivered> {
  const open = new Map([...(await endsOf(client, topic))].filter(([partition, end]) => end > (since.get(partition) ?? 0n)));
  const counted = new Counted();
  if (open.size > 0) await read();
  return counted.result();

  async function read(): Promise<void> {
    let [done, failed] = [(): void => undefined, (_: unknown): void => undefined];
    const all = new Promise<void>((resolve, reject) => ([done, failed] = [resolve, reject]));
    const consumer = await client.consume({
      groupId: `delivered-${randomBytes(6).toString('hex')}`,
      topics: [topic],
      startAt: ({ partition }) => Promise.resolve(open.has(partition) ? (since.get(partition) ?? 0n) : null),
      onBatch: ({ partition, records, next }) => {
        const end = open.get(partition);
        if (end === undefined) return Promise.resolve('stop');
        for (const record of records) if (record.offset < end) counted.add(record);
        if (next < end) return Promise.resolve(undefined);
        open.delete(partition);
        if (open.size === 0) done();
        return Promise.resolve('stop');
      },
      onGap: () => failed(new Error(`the log of ${topic} has a gap`)),
      onFailure: failed,
      sessionTimeoutMs: 30_000,
    });
    try {
      await all;
    } finally {
      await consumer.close();
    }
  }
}

class Counted {
  private events = 0;
  private readonly left = new Map<string, string>();
  private readonly arrived = new Set<string>();
  private readonly inserted = new Set<string>();

  add({ key, value, headers = {} }: KafkaRecord): void {
    if (value === null) return;
    const { op, source } = JSON.parse(value.toString()) as Envelope;
    this.events += 1;
    const message = `${String(source.txId)}/${String(source.lsn)}`;
    const newKey = headers['__debezium.newkey'];
    if (newKey !== undefined) this.left.set(message, String(newKey));
    if (headers['__debezium.oldkey'] !== undefined) this.arrived.add(message);
    if (op === 'c') this.inserted.add(String(key));
  }

  result(): Delivered {
    return { events: this.events, halves: [...this.left].filter(([message]) => !this.arrived.has(message)).map(([, key]) => key), inserted: this.inserted };
  }
}

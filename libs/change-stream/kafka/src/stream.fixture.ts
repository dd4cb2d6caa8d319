import { type Applied, type ChangeStream, type ConsumeOptions, type PartitionGap, type StreamStart } from '@elstream/change-stream';
import { createPostgresCapture } from '@elstream/change-stream-postgres';
import { partitionName } from './topics';
import { LogPosition, StreamOffset, tableId, type ChangeEvent, type Checkpoint, type ColumnType, type EventBatch, type Mask, type TableMapping, type TransactionInfo } from '@elstream/core';
import { createTestDatabase, eventually, testKafka, type TestDatabase } from '@elstream/testing';
import { randomBytes } from 'node:crypto';
import { openKafka, type KafkaClient } from './client';
import { createKafkaStream } from './kafka-stream';
import { type KafkaStreamOptions } from './options';

export interface ColumnPlan {
  readonly name: string;
  readonly type: ColumnType;
  readonly native: string;
  readonly mask?: Mask;
}

export const int = (name: string): ColumnPlan => ({ name, type: { kind: 'integer', bits: 32 }, native: 'integer' });
export const text = (name: string): ColumnPlan => ({ name, type: { kind: 'text', maxLength: null, padded: false }, native: 'text' });

export function mappingOf(name: string, key: readonly string[], columns: readonly ColumnPlan[], schema = 'public'): TableMapping {
  return {
    id: tableId({ schema, name }),
    source: { schema, name },
    target: { schema, name },
    columns: columns.map((column) => ({ source: column.name, target: column.name, type: column.type, native: column.native, targetType: 'text', nullable: true, mask: column.mask ?? null })),
    key: key.map((column) => columns.findIndex((plan) => plan.name === column)),
    chunkRows: 1000,
  };
}

export const mappingsOf = (...tables: TableMapping[]): ReadonlyMap<string, TableMapping> => new Map(tables.map((table) => [table.id, table]));

/** A source with a connector over it, gone with the context. */
export interface StreamContext extends AsyncDisposable {
  readonly db: TestDatabase;
  readonly name: string;
  readonly client: KafkaClient;
  readonly connectUrl: string;
  readonly stream: ChangeStream;
  /** A further stream of the same pipeline, as another process has one. */
  another(): Promise<ChangeStream>;
  topicOf(table: TableMapping): string;
}

export async function streamContext(setup: string, more: Omit<Partial<KafkaStreamOptions>, 'connect'> & { readonly connect?: Partial<KafkaStreamOptions['connect']> } = {}): Promise<StreamContext> {
  const { brokers, connectUrl } = await testKafka();
  const db = await createTestDatabase('kafka');
  await db.query(setup);
  const name = `e${randomBytes(5).toString('hex')}`;
  const url = new URL(db.url);
  const streams: ChangeStream[] = [];
  const kafka = { brokers: brokers.split(','), clientId: name };
  const another = async (): Promise<ChangeStream> => {
    const capture = await createPostgresCapture({ url: db.url, endpoint: { host: url.hostname, port: Number(url.port) }, pipeline: name, slotName: name, publicationName: name, applicationName: name });
    const { connect, ...rest } = more;
    const stream = await createKafkaStream({ kafka, pipeline: name, groupId: name, topicPrefix: name, topics: { partitions: 1, dropWithPipeline: true, ...more.topics }, capture, limits: { sessionTimeoutMs: 6_000 }, connect: { url: connectUrl, connector: name, ...connect }, ...(({ topics: _, ...others }) => others)(rest) });
    streams.push(stream);
    return stream;
  };
  const stream = await another();
  const client = await openKafka(kafka);
  return {
    db,
    name,
    client,
    connectUrl,
    stream,
    another,
    topicOf: ({ source }) => `${name}.${source.schema}.${source.name}`.replace(/[^A-Za-z0-9._-]/g, '_'),
    async [Symbol.asyncDispose]() {
      await stream.drop();
      await Promise.all([...streams, client].map((one) => one.close()));
      await db.drop();
    },
  };
}

/** A warehouse's checkpoints, and a reader that applies to them alone. */
export class Reader {
  readonly checkpoints = new Map<string, StreamOffset>();
  /** What they say of what was applied. */
  readonly applied = new Map<string, Applied>();
  readonly batches: EventBatch[] = [];
  readonly gaps: PartitionGap[] = [];
  readonly reshaped: string[] = [];
  private readonly stopping = new AbortController();
  running: Promise<void> = Promise.resolve();

  constructor(
    readonly stream: ChangeStream,
    public tables: readonly TableMapping[],
    start: StreamStart | ReadonlyMap<string, StreamOffset>,
  ) {
    for (const [partition, offset] of 'offsets' in start ? start.offsets : start) this.checkpoints.set(partition, offset);
  }

  get events(): ChangeEvent[] {
    return this.batches.flatMap((batch) => batch.events);
  }

  /** As the port says; `options` over what the fixture does. */
  read(options: Partial<ConsumeOptions> = {}): this {
    let mapped: { readonly of: readonly TableMapping[]; readonly map: ReadonlyMap<string, TableMapping> } = { of: this.tables, map: mappingsOf(...this.tables) };
    this.running = this.stream.consume({
      mappings: () => {
        if (mapped.of !== this.tables) mapped = { of: this.tables, map: mappingsOf(...this.tables) };
        return mapped.map;
      },
      start: (partition) => Promise.resolve(this.checkpoints.get(partition) ?? null),
      applied: (partition) => this.applied.get(partition) ?? null,
      onBatch: (batch) => this.apply(batch),
      onGap: (gap) => {
        this.gaps.push(gap);
        this.applied.delete(gap.partition);
        this.checkpoints.set(gap.partition, gap.next);
        return Promise.resolve();
      },
      reshaped: (table) => this.reshaped.push(table),
      signal: this.stopping.signal,
      ...options,
    });
    this.running.catch(() => undefined);
    return this;
  }

  /** R2: conditional on where the checkpoint stands. */
  apply(batch: EventBatch): Promise<'applied' | 'lost'> {
    if (this.checkpoints.get(batch.partition)?.equals(batch.from) !== true) return Promise.resolve('lost');
    this.checkpoints.set(batch.partition, batch.next);
    for (const { tx } of batch.events) this.applied.set(batch.partition, raised(this.applied.get(batch.partition), tx));
    this.batches.push(batch);
    return Promise.resolve('applied');
  }

  /** Waits for the events, or for what ended the reading. */
  async until(condition: (events: readonly ChangeEvent[]) => boolean, describe: string): Promise<void> {
    const ended = this.running.then(() => Promise.reject(new Error(`the reading ended before: ${describe}`)));
    ended.catch(() => undefined);
    try {
      await eventually(() => Promise.resolve(condition(this.events)), { timeoutMs: 40_000, unlessFails: ended });
    } catch (error) {
      const events = this.events.map((event) => [event.op, 'table' in event ? event.table : String(event.value)].join(' '));
      throw new Error(`${describe}: ${String(error)}; seen ${JSON.stringify(events.slice(-20))}, at ${JSON.stringify([...this.checkpoints])}, gaps ${JSON.stringify(this.gaps)}`, { cause: error });
    }
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /** The checkpoints as the warehouse has them. */
  rows(): Checkpoint[] {
    return [...this.checkpoints].map(([partition, next]) => ({ pipeline: 'p', partition, generation: 1, next, highest: null, counter: null }));
  }
}

function raised(before: Applied | undefined, { position, committedAtUs }: TransactionInfo): Applied {
  if (before === undefined) return { highest: position, committedAtUs };
  return { highest: LogPosition.max(before.highest, position), committedAtUs: committedAtUs > before.committedAtUs ? committedAtUs : before.committedAtUs };
}

/** Rows of the table in short: insert +, update ~, delete -, truncate x. */
export function brief(events: readonly ChangeEvent[]): unknown[] {
  return events.flatMap((event): unknown[] => {
    switch (event.op) {
      case 'counter':
        return [];
      case 'poison':
        return [['!', event.code]];
      case 'insert':
        return [['+', ...event.row]];
      case 'update':
        return [['~', ...event.row]];
      case 'delete':
        return [['-', ...event.key]];
      case 'truncate':
        return [['x']];
      case 'reload':
        return [['reload']];
    }
  });
}

export const at = (topic: string, partition: number): string => partitionName({ topic, partition });
export const offset = (value: number | bigint): StreamOffset => StreamOffset.kafka(BigInt(value));

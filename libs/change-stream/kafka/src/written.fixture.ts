import { type CaptureSource, type CaptureSourceStatus, type ChangeStream } from '@elstream/change-stream';
import { LogPosition, StreamOffset, type TableMapping } from '@elstream/core';
import { notificationsTopic, planConnector, topicOf, type CommittedOffset, type Connector } from '@elstream/debezium';
import { testBrokers } from '@elstream/testing';
import { randomBytes } from 'node:crypto';
import { openKafka, type KafkaClient, type KafkaProducer } from './client';
import { type CaptureConnector } from './connector';
import { createKafkaStream } from './kafka-stream';
import { type KafkaStreamOptions } from './options';

/** A pipeline whose topics the test writes itself: no Connect, no source. */
export interface WrittenContext extends AsyncDisposable {
  readonly name: string;
  readonly client: KafkaClient;
  readonly producer: KafkaProducer;
  readonly tables: readonly TableMapping[];
  /** What capture and connector say; to be changed at will. */
  readonly says: { captured: ReadonlySet<string>; committed: CommittedOffset | null; capture: Partial<CaptureSourceStatus>; budget: string | null; companions: NonNullable<CaptureSource['companions']> };
  stream(options?: Partial<KafkaStreamOptions>): Promise<ChangeStream>;
  topic(table: TableMapping): string;
  readonly counterTopic: string;
  readonly notificationsTopic: string;
  /** Checkpoints at the beginning of all topics. */
  zero(): Promise<ReadonlyMap<string, StreamOffset>>;
}

export async function writtenContext(connector: Connector, tables: readonly TableMapping[], partitions = 1): Promise<WrittenContext> {
  const kafka = { brokers: (await testBrokers()).split(','), clientId: 'written' };
  const client = await openKafka(kafka);
  const name = `w${randomBytes(5).toString('hex')}`;
  const producer = await client.producer();
  const streams: ChangeStream[] = [];
  const says: WrittenContext['says'] = { captured: new Set(tables.map(({ id }) => id)), committed: null, capture: {}, budget: null, companions: () => Promise.resolve([]) };
  const endpoint = { connector, host: 'h', port: 1, user: 'u', password: 'p', database: 'db', settings: {} };
  const counter = { schema: 'elstream', table: 'counter' };
  const capture: CaptureSource = {
    endpoint,
    names: {},
    counter,
    prepare: () => Promise.resolve({ created: false, identity: { system: 's', fork: 'f' }, position: LogPosition.ZERO }),
    raiseCounter: () => Promise.resolve(),
    status: () => Promise.resolve({ state: 'ready', retainedBytes: null, confirmed: null, reason: null, ...says.capture }),
    retainedBytes: () => Promise.resolve(says.capture.retainedBytes ?? null),
    budget: () => Promise.resolve(says.budget),
    companions: (table, row) => says.companions(table, row),
    captured: () => Promise.resolve(says.captured),
    drop: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  const fake: CaptureConnector = {
    name: 'fake',
    plan: (planned) => {
      const common = { pipeline: name, name: 'fake', topicPrefix: name, source: endpoint, tables: planned.map(({ source }) => source), counterTable: { schema: 'elstream', name: 'counter' } };
      return connector === 'sqlserver' ? planConnector({ ...common, connector, schemaHistory: { brokers: ['b:1'], topic: `${name}.h` } }) : planConnector({ ...common, connector, slot: 's', publication: 'p' });
    },
    prepare: () => Promise.resolve(false),
    health: () => Promise.resolve({ exists: true, committed: says.committed, confirmable: null, gap: null, trouble: null }),
    committed: () => Promise.resolve(says.committed),
    halt: () => Promise.resolve(),
    revive: () => Promise.resolve(),
    drop: () => Promise.resolve(),
  };
  const of = { connector, topicPrefix: name, database: 'db' };
  const topic = ({ source }: TableMapping): string => topicOf(of, source);
  const counterTopic = topicOf(of, { schema: 'elstream', name: 'counter' });
  const notes = notificationsTopic(name);
  const stream: WrittenContext['stream'] = async (options = {}) => {
    const made = await createKafkaStream({ kafka, pipeline: name, groupId: name, topicPrefix: name, topics: { partitions }, connect: { url: 'http://none', connector: 'fake' }, capture, connector: fake, limits: { sessionTimeoutMs: 6_000 }, ...options });
    streams.push(made);
    return made;
  };
  await (await stream()).prepare(tables);
  return {
    name,
    client,
    producer,
    tables,
    says,
    stream,
    topic,
    counterTopic,
    notificationsTopic: notes,
    async zero() {
      const ends = await client.offsetsOf([...tables.map(topic), counterTopic, notes]);
      return new Map([...ends].flatMap(([of, parts]) => parts.map(({ partition }) => [`${of}-${String(partition)}`, StreamOffset.kafka(0n)] as const)));
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(streams.map((one) => one.close()));
      await client.deleteTopics([...tables.map(topic), counterTopic, ...(connector === 'postgresql' ? [notes] : [])]).catch(() => undefined);
      await client.close();
    },
  };
}

/** A SQL Server event as our connector writes it. */
export function sqlServerEvent(op: 'c' | 'u' | 'd' | 'r', lsn: readonly [commit: number, change: number | null], cells: Record<string, unknown>, table = 'item'): string {
  const spell = (n: number | null): string | null => (n === null ? null : `0000002a:${n.toString(16).padStart(8, '0')}:0003`);
  const source = { version: '3.6.1.Final', connector: 'sqlserver', name: 'x', ts_ms: 1_700_000_000_000, snapshot: op === 'r' ? 'incremental' : null, db: 'db', sequence: null, schema: 'dbo', table, change_lsn: spell(lsn[1]), commit_lsn: spell(lsn[0]), event_serial_no: 1 };
  return JSON.stringify({ before: op === 'd' || op === 'u' ? cells : null, after: op === 'd' ? null : cells, source, transaction: null, op, ts_ms: 1_700_000_000_500 });
}

export const sqlServerPosition = (commit: number): LogPosition => LogPosition.parse(`0000002a${commit.toString(16).padStart(8, '0')}0003`);

/** A PostgreSQL event as our connector writes it. */
export function postgresEvent(op: 'c' | 'u' | 'd' | 't', cells: Record<string, unknown> | null, more: { readonly table?: string; readonly lsn?: number; readonly before?: Record<string, unknown> } = {}): string {
  const { table = 't', lsn = 1000, before = null } = more;
  const source = { connector: 'postgresql', ts_ms: 1_700_000_000_000, snapshot: 'false', db: 'db', sequence: `["${String(lsn)}","${String(lsn)}"]`, schema: 'public', table, txId: 7, lsn, xmin: null };
  return JSON.stringify({ before: op === 'd' ? cells : before, after: op === 'd' ? null : cells, source, transaction: null, op, ts_ms: 1_700_000_000_500 });
}

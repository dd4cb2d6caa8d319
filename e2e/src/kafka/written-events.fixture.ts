import { randomBytes } from 'node:crypto';
import type { CaptureSource, ChangeStream } from '@elstream/change-stream';
import { createKafkaStream, openKafka, partitionName, type CaptureConnector, type KafkaClient, type KafkaProducer } from '@elstream/change-stream-kafka';
import { loadPipelineText } from '@elstream/config';
import { LogPosition, StreamOffset, type EventBatch, type TableMapping } from '@elstream/core';
import { planConnector, topicOf } from '@elstream/debezium';
import { applyBatch, type PipelineHandle } from '@elstream/replication';
import { createRuntime, type Runtime } from '@elstream/runtime';
import { capturingLogger, createTestDatabase, eventually, testBrokers, type TestDatabase } from '@elstream/testing';

/** A change as SQL Server's CDC numbers it. */
export interface WrittenChange {
  readonly op: 'c' | 'u' | 'd';
  readonly commit: number;
  readonly change: number;
  readonly row: Readonly<Record<string, unknown>>;
}

const spell = (n: number): string => `0000002a:${n.toString(16).padStart(8, '0')}:0003`;
/** Milliseconds; in the source block, so that a re-emission has the same. */
const committedAt = (commit: number): number => 1_700_000_000_000 + commit * 1_000;

/**
 * Nothing here can run SQL Server, so its events are written by the test as its connector writes them; what reads and
 * applies them is the product: the Kafka stream, `applyBatch`, and a PostgreSQL warehouse with its checkpoints.
 */
export class WrittenEvents implements AsyncDisposable {
  private readonly streams: ChangeStream[] = [];
  private reading: { readonly stop: AbortController; readonly ended: Promise<void> } | null = null;
  /** Events of each batch applied. */
  readonly batches: number[] = [];

  private constructor(
    private readonly made: { readonly client: KafkaClient; readonly producer: KafkaProducer; readonly runtime: Runtime; readonly warehouse: TestDatabase },
    private readonly mapping: TableMapping,
  ) {}

  /** A live table of the pipeline, its topics and its checkpoints; nothing is read yet. */
  static async open(mapping: TableMapping): Promise<WrittenEvents> {
    const brokers = await testBrokers();
    const client = await openKafka({ brokers: brokers.split(','), clientId: 'written' });
    const warehouse = await createTestDatabase('written');
    const yaml = `
name: w${randomBytes(5).toString('hex')}
source: { url: 'mssql://nobody:none@127.0.0.1:1/db' }
warehouse: { url: '${warehouse.url}' }
stream: { type: kafka, brokers: '${brokers}', connect: { url: 'http://127.0.0.1:1' } }
tables: { include: ['dbo.*'] }
`;
    const runtime = await createRuntime({ pipelines: [loadPipelineText(yaml, {}).config], logger: capturingLogger(), overviewMetrics: false });
    const world = new WrittenEvents({ client, producer: await client.producer(), runtime, warehouse }, mapping);
    await world.preload();
    return world;
  }

  private get pipeline(): PipelineHandle {
    const { registry } = this.made.runtime;
    return registry.get(registry.names()[0] ?? '');
  }

  private get topic(): string {
    return topicOf({ connector: 'sqlserver', topicPrefix: this.pipeline.name, database: 'db' }, this.mapping.source);
  }

  /** Of no row: the table is empty. */
  private async preload(): Promise<void> {
    const { mapping, pipeline: { name, warehouse }, made: { runtime: { store } } } = this;
    await warehouse.prepareTables(name, [mapping]);
    const { offsets } = await (await this.stream()).prepare([mapping]);
    for (const [partition, next] of offsets) await warehouse.createCheckpoint(name, partition, next);
    const run = await store.createRun({ pipeline: name, reason: 'manual', tables: [mapping.id] });
    await store.startRun(run.id);
    const epoch = await warehouse.beginPreload(name, mapping, run.id);
    const [task] = await store.addTasks(run.id, [{ kind: 'finish-table', table: mapping.id, epoch, payload: {} }]);
    const claimed = await store.claim(task?.id ?? '', 'test');
    if (claimed === null) throw new Error('the task was not claimed');
    await warehouse.finishPreload(name, mapping, claimed.claim);
    await warehouse.setLiveAt(name, mapping.id, epoch, LogPosition.ZERO);
    await warehouse.promoteLive(name, () => true);
    await store.endRun(run.id, 'succeeded', null);
  }

  private async stream(): Promise<ChangeStream> {
    const { pipeline: { name } } = this;
    const endpoint = { connector: 'sqlserver', host: 'h', port: 1, user: 'u', password: 'p', database: 'db', settings: {} } as const;
    const capture: CaptureSource = {
      endpoint,
      names: {},
      counter: { schema: 'elstream', table: 'counter' },
      prepare: () => Promise.resolve({ created: false, identity: { system: 's', fork: 'f' }, position: LogPosition.ZERO }),
      raiseCounter: () => Promise.resolve(),
      status: () => Promise.resolve({ state: 'ready', retainedBytes: null, confirmed: null, reason: null }),
      retainedBytes: () => Promise.resolve(null),
      budget: () => Promise.resolve(null),
      captured: () => Promise.resolve(new Set([this.mapping.id])),
      drop: () => Promise.resolve(),
      close: () => Promise.resolve(),
    };
    const connector: CaptureConnector = {
      name: 'none',
      plan: (tables) => planConnector({ pipeline: name, name: 'none', topicPrefix: name, source: endpoint, tables: tables.map(({ source }) => source), counterTable: { schema: 'elstream', name: 'counter' }, connector: 'sqlserver', schemaHistory: { brokers: ['b:1'], topic: `${name}.h` } }),
      prepare: () => Promise.resolve(false),
      health: () => Promise.resolve({ exists: true, committed: null, confirmable: null, gap: null, trouble: null }),
      committed: () => Promise.resolve(null),
      halt: () => Promise.resolve(),
      revive: () => Promise.resolve(),
      drop: () => Promise.resolve(),
    };
    const kafka = { brokers: (await testBrokers()).split(','), clientId: name };
    // Batches of three: one transaction may lie in two.
    const limits = { sessionTimeoutMs: 6_000, batchEvents: 3 };
    const stream = await createKafkaStream({ kafka, pipeline: name, groupId: name, topicPrefix: name, topics: { partitions: 1 }, connect: { url: 'http://none', connector: 'none' }, capture, connector, limits });
    this.streams.push(stream);
    return stream;
  }

  /** @param emission tells a re-emission apart where the connector's own clock does */
  async write(changes: readonly WrittenChange[], emission: number): Promise<void> {
    await this.made.producer.send(this.topic, changes.map(({ op, commit, change, row }) => {
      const source = { version: '3.6.1.Final', connector: 'sqlserver', name: 'x', ts_ms: committedAt(commit), snapshot: null, db: 'db', sequence: null, schema: this.mapping.source.schema, table: this.mapping.source.name, change_lsn: spell(change), commit_lsn: spell(commit), event_serial_no: op === 'u' ? 2 : 1 };
      const value = { before: op === 'c' ? null : row, after: op === 'd' ? null : row, source, transaction: null, op, ts_ms: committedAt(commit) + 500 + emission };
      return { key: JSON.stringify({ id: row['id'] }), value: JSON.stringify(value) };
    }));
  }

  /** Reads from the warehouse's checkpoints, as a process that has just begun. */
  async begin(): Promise<void> {
    const { pipeline, made: { runtime } } = this;
    const stop = new AbortController();
    const mappings = new Map([[this.mapping.id, this.mapping]]);
    const stored = (partition: string): Promise<StreamOffset | null> => pipeline.warehouse.readCheckpoint(pipeline.name, partition).then((checkpoint) => checkpoint?.next ?? null);
    const apply = async (batch: EventBatch, signal: AbortSignal): Promise<'applied' | 'lost'> => {
      const checkpoint = await pipeline.warehouse.readCheckpoint(pipeline.name, batch.partition);
      if (checkpoint === null) return 'lost';
      const moved = () => undefined;
      const next = await applyBatch({ deps: runtime.deps, pipeline, signal, moved, longStep: (step) => step() }, { batch, checkpoint, mappings });
      if (next !== null) this.batches.push(batch.events.length);
      return next === null ? 'lost' : 'applied';
    };
    const stream = await this.stream();
    const ended = stream.consume({
      mappings: () => mappings,
      start: stored,
      onBatch: apply,
      onGap: ({ reason }) => Promise.reject(new Error(`a gap: ${reason}`)),
      signal: stop.signal,
    });
    ended.catch(() => undefined);
    this.reading = { stop, ended };
  }

  async end(): Promise<void> {
    this.reading?.stop.abort();
    await this.reading?.ended;
    this.reading = null;
  }

  /** Waits until everything that was written is behind the checkpoint. */
  async caughtUp(): Promise<void> {
    const { pipeline, topic, made: { client } } = this;
    const [end] = await client.offsets(topic);
    const wanted = StreamOffset.kafka(end?.end ?? 0n);
    const ended = this.reading?.ended.then(() => Promise.reject(new Error('the reading has ended')));
    ended?.catch(() => undefined);
    await eventually(async () => (await pipeline.warehouse.readCheckpoint(pipeline.name, partitionName({ topic, partition: 0 })))?.next.equals(wanted) === true, { timeoutMs: 40_000, describe: 'the checkpoint at the end of the topic', ...(ended === undefined ? {} : { unlessFails: ended }) });
  }

  /** What the warehouse holds of the table. */
  async holds(): Promise<{ readonly rows: readonly unknown[]; readonly history: readonly unknown[]; readonly eventsApplied: number }> {
    const { warehouse } = this.made;
    const [state] = await this.pipeline.warehouse.readTableStates(this.pipeline.name);
    return {
      rows: (await warehouse.query<{ id: number; v: string }>('SELECT id::int, v FROM dbo.item ORDER BY 1')).map(({ id, v }) => `${String(id)} ${v}`),
      history: (await warehouse.query<{ id: number; v: string; from: number; to: number; deleted: boolean }>(`SELECT id::int, v, ${seconds('valid_from')} AS "from", ${seconds('valid_to')} AS "to", deleted FROM dbo.item_archive ORDER BY 1, valid_from, valid_to`)).map((version) => `${String(version.id)} ${version.v} ${String(version.from)}-${String(version.to)}${version.deleted ? ' deleted' : ''}`),
      eventsApplied: state?.eventsApplied ?? 0,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    await Promise.all(this.streams.map((stream) => stream.close()));
    await this.made.client.deleteTopics([this.topic]);
    await this.made.client.close();
    await this.made.runtime.close();
    await this.made.warehouse.drop();
  }
}

/** As the commit's number. */
const seconds = (column: string): string => `(extract(epoch FROM ${column}) - 1700000000)::int`;

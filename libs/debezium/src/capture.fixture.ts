import { createTestDatabase, type TestDatabase, type TestKafka, testKafka } from '@elstream/testing';
import { Kafka, logLevel } from 'kafkajs';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DebeziumRecord } from './decoded';
import { type HandlingModes } from './handling';

export const PLACEHOLDER = 'unavailable-8d1f6c';

/** The modes that our connectors are registered with. */
export const REGISTERED: HandlingModes = { time: 'microseconds', decimal: 'string', binary: 'bytes', unavailableValue: PLACEHOLDER };

export interface CaptureOptions {
  readonly handling?: HandlingModes;
  readonly schemas?: boolean;
  readonly config?: Readonly<Record<string, string>>;
}

/** A real Debezium connector over a database of the test's own. */
export interface Capture {
  readonly handling: HandlingModes;
  readonly schemas: boolean;
  /** All records of a table's topic (`schema.table`), from the first, once there are at least `count`. */
  records(table: string, count: number): Promise<RecordedEvent[]>;
  /** What Connect says that the connector has committed. */
  offsets(): Promise<unknown>;
}

export interface RecordedEvent extends DebeziumRecord {
  readonly partition: number;
  readonly offset: string;
}

/** A source database with a publication; its connectors are deleted before it is. */
export class CaptureContext implements AsyncDisposable {
  readonly #connectors: string[] = [];

  private constructor(
    readonly db: TestDatabase,
    private readonly servers: TestKafka,
  ) {}

  /** @param setup SQL that makes the tables @param tables to be published, as written in SQL */
  static async open(setup: string, tables: readonly string[]): Promise<CaptureContext> {
    const [db, servers] = await Promise.all([createTestDatabase('captured'), testKafka()]);
    await db.query(setup);
    await db.query(`CREATE PUBLICATION captured FOR TABLE ${tables.join(', ')}`);
    return new CaptureContext(db, servers);
  }

  /** Registers connectors and waits until all of them stream. */
  async capture(...wanted: readonly CaptureOptions[]): Promise<Capture[]> {
    const made = await Promise.all(wanted.map((options) => this.register(options)));
    for (const name of this.#connectors) await this.until(name, async () => (await this.streaming()) === this.#connectors.length, () => 'not every connector streams');
    return made;
  }

  private async register({ handling = REGISTERED, schemas = false, config = {} }: CaptureOptions): Promise<Capture> {
    const name = `capture_${randomBytes(5).toString('hex')}`;
    await this.db.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [name]);
    const url = new URL(this.db.url);
    this.#connectors.push(name);
    await this.rest('POST', 'connectors', {
      name,
      config: {
        'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
        'tasks.max': '1',
        'exactly.once.support': 'required',
        'topic.prefix': name,
        'topic.creation.default.replication.factor': '1',
        'topic.creation.default.partitions': '1',
        'topic.creation.default.max.message.bytes': '16777216',
        'database.hostname': url.hostname,
        'database.port': url.port,
        'database.user': url.username,
        'database.password': decodeURIComponent(url.password),
        'database.dbname': this.db.name,
        'plugin.name': 'pgoutput',
        'slot.name': name,
        'publication.name': 'captured',
        'publication.autocreate.mode': 'disabled',
        'snapshot.mode': 'no_data',
        'skipped.operations': 'none',
        'tombstones.on.delete': 'false',
        'time.precision.mode': handling.time,
        'decimal.handling.mode': handling.decimal,
        'binary.handling.mode': handling.binary,
        'interval.handling.mode': 'string',
        'include.unknown.datatypes': 'true',
        'unavailable.value.placeholder': handling.unavailableValue,
        'event.processing.failure.handling.mode': 'fail',
        'event.converting.failure.handling.mode': 'fail',
        'extended.headers.enabled': 'false',
        ...converter('key', schemas),
        ...converter('value', schemas),
        ...converter('header', false),
        ...config,
      },
    });
    return {
      handling,
      schemas,
      records: (table, count) => this.read(`${name}.${table}`, count, name),
      offsets: () => this.rest('GET', `connectors/${name}/offsets`),
    };
  }

  /** How many of our slots a connector reads from. */
  private async streaming(): Promise<number> {
    const [row] = await this.db.query<{ n: number }>("SELECT count(*)::int AS n FROM pg_stat_replication JOIN pg_replication_slots ON pid = active_pid WHERE state = 'streaming' AND database = current_database()");
    return row?.n ?? 0;
  }

  /** A task that failed ends the wait, with its trace. */
  private async until(connector: string, probe: () => Promise<boolean>, missing: () => string): Promise<void> {
    for (const deadline = Date.now() + 90_000; !(await probe()); await sleep(100)) {
      const status = (await this.rest('GET', `connectors/${connector}/status`)) as { tasks: { state: string; trace?: string }[] };
      const failed = status.tasks.find((task) => task.state === 'FAILED');
      if (failed) throw new Error(failed.trace);
      if (Date.now() > deadline) throw new Error(`${missing()} after 90 s`);
    }
  }

  private async read(topic: string, count: number, connector: string): Promise<RecordedEvent[]> {
    const kafka = new Kafka({ brokers: this.servers.brokers.split(','), logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    await admin.connect();
    const consumer = kafka.consumer({ groupId: `read-${randomBytes(6).toString('hex')}`, maxBytesPerPartition: 32 * 1024 * 1024, maxWaitTimeInMs: 200 });
    try {
      await this.until(connector, async () => (await admin.listTopics()).includes(topic), () => `the topic ${topic} is not there`);
      const found: RecordedEvent[] = [];
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({
        eachMessage: ({ partition, message: { key, value, headers = {}, offset } }) => {
          found.push({ key, value, headers, partition, offset });
          return Promise.resolve();
        },
      });
      await this.until(connector, () => Promise.resolve(found.length >= count), () => `${topic} has ${String(found.length)} records of ${String(count)}`);
      return found;
    } finally {
      await consumer.disconnect();
      await admin.disconnect();
    }
  }

  private async rest(method: string, at: string, body?: unknown): Promise<unknown> {
    const request = { method, headers: { 'content-type': 'application/json' }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    for (let tries = 60; ; tries -= 1) {
      const response = await fetch(`${this.servers.connectUrl}/${at}`, request);
      const text = await response.text();
      if (response.ok) return text === '' ? undefined : JSON.parse(text);
      // Busy with its group (409), or a connector's status is not written yet.
      const early = response.status === 409 || (response.status === 404 && at.endsWith('/status'));
      if (!early || tries === 0) throw new Error(`${method} ${at}: ${String(response.status)} ${text}`);
      await sleep(250);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.#connectors) await this.rest('DELETE', `connectors/${name}`);
    await this.db.drop();
  }
}

function converter(side: 'key' | 'value' | 'header', schemas: boolean): Record<string, string> {
  return {
    [`${side}.converter`]: 'org.apache.kafka.connect.json.JsonConverter',
    [`${side}.converter.schemas.enable`]: String(schemas),
    [`${side}.converter.replace.null.with.default`]: 'false',
  };
}

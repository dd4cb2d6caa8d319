import { connectTo, eventually, type TestDatabase, type TestKafka } from '@elstream/testing';
import { LogPosition } from '@elstream/core';
import { Kafka, logLevel } from 'kafkajs';
import { randomBytes } from 'node:crypto';
import { committedOffset, hasPassed, type CommittedOffset } from './committed-offset';
import { ConnectClient } from './connect-client';
import { type TaskStatus } from './connect-types';
import { planConnector } from './plan-connector';
import { type CapturedTable, type ConnectorPlan, type PostgresPlanOptions } from './plan-options';

export interface Event {
  readonly op: string;
  readonly before: Readonly<Record<string, unknown>> | null;
  readonly after: Readonly<Record<string, unknown>> | null;
  readonly source: { readonly lsn: number; readonly sequence: string };
  readonly key: unknown;
}

/** Beside other suites on the same worker every change of a connector waits for theirs. */
export const PATIENCE_MS = 120_000;

const COUNTER = { schema: 'elstream', name: 'counter' };

/** A connector of ours over a table, slot and publication of its own; nothing of it is left after `remove`. */
export class Registered {
  readonly name = `connect_${randomBytes(5).toString('hex')}`;
  readonly table: CapturedTable;
  readonly client: ConnectClient;

  private constructor(
    readonly db: TestDatabase,
    private readonly kafka: TestKafka,
    table?: CapturedTable,
  ) {
    this.table = table ?? { schema: 'public', name: this.name };
    this.client = new ConnectClient({ url: kafka.connectUrl, rebalanceMs: PATIENCE_MS });
  }

  /** Table (unless given), publication and slot are there, the connector is not yet. */
  static async prepare(db: TestDatabase, kafka: TestKafka, table?: CapturedTable): Promise<Registered> {
    const made = new Registered(db, kafka, table);
    const { name } = made;
    await db.query('CREATE SCHEMA IF NOT EXISTS elstream');
    await db.query('CREATE TABLE IF NOT EXISTS elstream.counter (pipeline text PRIMARY KEY, value bigint NOT NULL)');
    if (table === undefined) await db.query(`CREATE TABLE ${name} (id bigint PRIMARY KEY, name text)`);
    await db.query(`CREATE PUBLICATION ${name} FOR TABLE elstream.counter${table === undefined ? `, ${name}` : ', TABLES IN SCHEMA ' + table.schema}`);
    await made.makeSlot();
    await made.makeTopic();
    return made;
  }

  plan(change: Partial<PostgresPlanOptions> = {}): ConnectorPlan {
    const { hostname, port, username, password } = new URL(this.db.url);
    return planConnector({
      connector: 'postgresql',
      pipeline: this.name,
      name: this.name,
      topicPrefix: this.name,
      source: { host: hostname, port: Number(port), user: username, password: decodeURIComponent(password), database: this.db.name },
      tables: [this.table],
      counterTable: COUNTER,
      slot: this.name,
      publication: this.name,
      compression: 'gzip',
      ...change,
      extra: { 'retriable.restart.connector.wait.ms': '500', 'slot.retry.delay.ms': '500', 'slot.max.retries': '20', 'errors.max.retries': '2', 'status.update.interval.ms': '500', ...change.extra },
    });
  }

  async register(change: Partial<PostgresPlanOptions> = {}): Promise<void> {
    await this.client.put(this.name, this.plan(change).config);
    await this.streams();
  }

  /** Its task runs and reads from the slot. */
  async streams(): Promise<void> {
    await this.state('RUNNING');
    await eventually(async () => (await this.db.query<{ active: boolean }>('SELECT active FROM pg_replication_slots WHERE slot_name = $1', [this.name]))[0]?.active === true, { describe: 'the slot is read', timeoutMs: PATIENCE_MS });
  }

  state(state: TaskStatus['state']): Promise<TaskStatus> {
    return eventually(
      async () => {
        const task = (await this.client.status(this.name, this.plan().config))?.tasks[0];
        if (task?.state !== state) throw new Error(`it is ${task?.state ?? 'absent'}: ${task?.trace ?? ''}`);
        return task;
      },
      { describe: `the task is ${state}`, timeoutMs: PATIENCE_MS, intervalMs: 200 },
    );
  }

  async stopped(): Promise<void> {
    await this.client.stop(this.name);
    await eventually(async () => (await this.client.status(this.name))?.state === 'STOPPED' && (await this.idle()), { describe: 'the connector is stopped', timeoutMs: PATIENCE_MS });
  }

  async resumed(): Promise<void> {
    await this.client.resume(this.name);
    await this.streams();
  }

  /** Its task ends, and another reads from the slot. */
  async restarted(how = (): Promise<unknown> => this.client.restart(this.name)): Promise<void> {
    const reader = async (): Promise<number | null> => (await this.db.query<{ pid: number | null }>('SELECT active_pid AS pid FROM pg_replication_slots WHERE slot_name = $1', [this.name]))[0]?.pid ?? null;
    const before = await reader();
    await how();
    await eventually(async () => ![null, before].includes(await reader()), { describe: 'another reads the slot', timeoutMs: PATIENCE_MS });
    await this.streams();
  }

  async insert(id: number): Promise<void> {
    await this.db.query(`INSERT INTO ${this.name} VALUES ($1, 'x')`, [id]);
  }

  /** End of the source's log. */
  async logEnd(): Promise<LogPosition> {
    const [row] = await this.db.query<{ lsn: string }>("SELECT (pg_current_wal_insert_lsn() - '0/0')::text AS lsn");
    return LogPosition.fromBigInt(BigInt(row?.lsn ?? ''), 8);
  }

  async committed(): Promise<CommittedOffset | null> {
    return committedOffset(await this.client.offsets(this.name), 'postgresql');
  }

  /** A commit in a captured table (R3 a). */
  async raise(): Promise<void> {
    await this.db.query('INSERT INTO elstream.counter VALUES ($1, 1) ON CONFLICT (pipeline) DO UPDATE SET value = counter.value + 1', [this.name]);
  }

  /** What committed before `end` was read is delivered: an idle source is kept moving. */
  async passed(end: LogPosition): Promise<void> {
    await eventually(
      async () => {
        await this.raise();
        const committed = await this.committed();
        return committed !== null && hasPassed(committed, end);
      },
      { describe: `position ${end.hex} is passed`, intervalMs: 200, timeoutMs: PATIENCE_MS },
    );
  }

  /** All it has delivered of `table`, once `enough` says so. */
  async events(enough: (events: readonly Event[]) => boolean, topic = this.plan().topics.tables[0] ?? ''): Promise<Event[]> {
    const consumer = this.kafkajs().consumer({ groupId: `${this.name}-${randomBytes(3).toString('hex')}`, readUncommitted: false, maxWaitTimeInMs: 200 });
    await consumer.connect();
    try {
      await consumer.subscribe({ topic, fromBeginning: true });
      const events: Event[] = [];
      const eachMessage = ({ message: { key, value } }: { message: { key: Buffer | null; value: Buffer | null } }): Promise<void> => {
        events.push({ ...(JSON.parse(value?.toString() ?? '') as Event), key: JSON.parse(key?.toString() ?? 'null') });
        return Promise.resolve();
      };
      await consumer.run({ eachMessage });
      await eventually(() => enough(events), { describe: `the events of ${topic}`, timeoutMs: PATIENCE_MS });
      return events;
    } finally {
      await consumer.disconnect();
    }
  }

  /** Ids of all rows it has delivered, once `last` is among them. */
  async ids(last: number): Promise<unknown[]> {
    return (await this.events((events) => events.some(({ after }) => after?.['id'] === last))).map(({ after }) => after?.['id']);
  }

  /** How many events, the counter's too, say that their connector began without an offset. Everything up to row `last` is delivered. */
  async beginnings(last: number): Promise<number> {
    const { topics } = this.plan();
    await this.passed(await this.logEnd());
    const [counter] = await this.db.query<{ value: string }>('SELECT value::text AS value FROM elstream.counter WHERE pipeline = $1', [this.name]);
    const rows = await this.events((all) => all.some(({ after }) => after?.['id'] === last));
    const raised = await this.events((all) => all.some(({ after }) => after?.['pipeline'] === this.name && String(after['value']) === counter?.value), topics.counter);
    return [...rows, ...raised].filter(({ source }) => (JSON.parse(source.sequence) as unknown[])[0] === null).length;
  }

  /** As elstream does before it registers. */
  private async makeTopic(): Promise<void> {
    const admin = this.kafkajs().admin();
    await admin.connect();
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic: this.plan().topics.tables[0] ?? '', numPartitions: 1 }] });
    await admin.disconnect();
  }

  private kafkajs(): Kafka {
    return new Kafka({ brokers: this.kafka.brokers.split(','), logLevel: logLevel.NOTHING });
  }

  async makeSlot(): Promise<void> {
    await this.db.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [this.name]);
  }

  /** As an operator would: as far as the log reaches. */
  async advanceSlot(): Promise<void> {
    // Commits are not flushed at once here, and a slot does not go beyond what is.
    await this.db.query('CHECKPOINT');
    await this.db.query('SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())', [this.name]);
  }

  /**
   * Until Debezium, which looks at `restart_lsn` alone, can tell: that follows `confirmed_flush_lsn` one record of the
   * running transactions later, and stays where an open transaction began.
   */
  async advanceRestart(): Promise<void> {
    const { position } = (await this.committed()) ?? { position: LogPosition.ZERO };
    await eventually(
      async () => {
        await this.advanceSlot();
        const [slot] = await this.db.query<{ restart: string }>("SELECT (restart_lsn - '0/0')::text AS restart FROM pg_replication_slots WHERE slot_name = $1", [this.name]);
        return position.isBelow(LogPosition.fromBigInt(BigInt(slot?.restart ?? '0'), 8));
      },
      { describe: 'the slot restarts beyond what was delivered', intervalMs: 500, timeoutMs: PATIENCE_MS },
    );
  }

  /** As an operator would, under a connector that runs. */
  async dropSlot(): Promise<void> {
    const other = await connectTo(this.db.url);
    try {
      await eventually(async () => {
        await other.query('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1 AND active_pid IS NOT NULL', [this.name]);
        await other.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1', [this.name]);
      }, { describe: 'the slot is dropped', timeoutMs: PATIENCE_MS });
    } finally {
      await other.end();
    }
  }

  /** The connector is deleted; its slot stays. */
  async deleted(): Promise<void> {
    await this.client.delete(this.name);
    await eventually(async () => (await this.client.status(this.name)) === null, { describe: 'the connector is deleted', timeoutMs: PATIENCE_MS });
  }

  async remove(): Promise<void> {
    await this.client.delete(this.name);
    await this.dropSlot();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove();
  }

  private async idle(): Promise<boolean> {
    return (await this.db.query('SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND active', [this.name])).length === 0;
  }
}

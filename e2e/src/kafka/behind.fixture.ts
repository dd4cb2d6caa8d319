import { openKafka, partitionName, type KafkaClient } from '@elstream/change-stream-kafka';
import type { Run } from '@elstream/control';
import { ConnectClient } from '@elstream/debezium';
import { eventually, type LogLine } from '@elstream/testing';
import type { TableState } from '@elstream/warehouse';
import type { KafkaWorld } from './kafka-world';
import type { RecordedTable } from './recorded-writer';

const WAIT = { timeoutMs: 120_000, intervalMs: 50 } as const;

/** What happens to a world's Kafka, Connect and slot behind its pipeline's back, and what the pipeline says to it. */
export class Behind implements AsyncDisposable {
  readonly connect: ConnectClient;
  readonly connector: string;
  private lines = 0;
  private known: readonly string[] = [];
  private epochs: ReadonlyMap<string, number> = new Map();

  private constructor(
    private readonly world: KafkaWorld,
    readonly kafka: KafkaClient,
  ) {
    const { connect } = world.stream;
    this.connect = new ConnectClient({ url: connect.url });
    this.connector = connect.name;
  }

  static async open(world: KafkaWorld): Promise<Behind> {
    return new Behind(world, await openKafka({ brokers: [...world.stream.brokers], clientId: 'behind' }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kafka.close();
  }

  /** From here on: runs, epochs and log lines are new ones. */
  async mark(): Promise<void> {
    this.lines = this.world.logger.lines.length;
    this.known = (await this.runs()).map(({ id }) => id);
    this.epochs = new Map((await this.states()).map(({ table, epoch }) => [table, epoch]));
  }

  /** Messages and fields logged since. */
  said(message: string): readonly LogLine[] {
    return this.world.logger.lines.slice(this.lines).filter((line) => line.message.includes(message));
  }

  /** Runs started since, oldest first. */
  async newRuns(): Promise<readonly Run[]> {
    return (await this.runs()).filter(({ id }) => !this.known.includes(id)).reverse();
  }

  /** Tables preloaded again since. */
  async reloaded(): Promise<readonly string[]> {
    return (await this.states()).filter(({ table, epoch }) => epoch !== this.epochs.get(table)).map(({ table }) => table).sort();
  }

  async state(table: string): Promise<TableState> {
    const state = (await this.states()).find((found) => found.table === table);
    if (state === undefined) throw new Error(`no state of ${table}`);
    return state;
  }

  /** Waits until a run has been started, and everything is live and caught up. */
  async answered(): Promise<readonly Run[]> {
    await this.await('a run that starts by itself', async () => (await this.newRuns()).length > 0);
    await this.world.settled();
    return this.newRuns();
  }

  async await<T>(describe: string, probe: () => Promise<T>, intervalMs: number = WAIT.intervalMs): Promise<T> {
    try {
      return await eventually(probe, { ...WAIT, intervalMs, describe });
    } catch (error) {
      throw new Error(`${String(error)}\n${this.world.logs(8_000)}`, { cause: error });
    }
  }

  /** Waits until all that has committed is in Kafka, whoever reads it. */
  async delivered(): Promise<void> {
    const { pipeline, runtime } = this.world;
    const end = await (await pipeline.source()).endOfLog();
    const stream = await pipeline.stream();
    await stream.raiseCounter(() => runtime.store.nextCounter(pipeline.name));
    await this.await('everything in Kafka', async () => (await stream.mark(end)) !== null);
  }

  /** As retention does: takes from a partition all records, of which at least `records` were not applied. @returns its name */
  async retire(table: RecordedTable, records: number): Promise<string> {
    const topic = this.world.topicOf(table);
    const checkpoints = await this.world.pipeline.warehouse.readCheckpoints(this.world.pipeline.name);
    for (const { partition, end } of await this.kafka.offsets(topic)) {
      const name = partitionName({ topic, partition });
      const next = checkpoints.find((checkpoint) => checkpoint.partition === name)?.next;
      if (next === undefined || end - BigInt(`0x${next.hex}`) < BigInt(records)) continue;
      await this.kafka.deleteRecords(topic, partition, end);
      return name;
    }
    throw new Error(`no partition of ${topic} has ${String(records)} records that were not applied`);
  }

  /** Deletes the topic, and makes one of the same name. */
  async makeAnew(topic: string, partitions: number): Promise<void> {
    await this.kafka.deleteTopics([topic]);
    await this.await('a topic that is empty', async () => {
      await this.kafka.createTopics([{ topic, partitions }]);
      return (await this.kafka.offsets(topic)).every(({ end }) => end === 0n);
    });
  }

  /** Stops the connector; its tasks have ended when this resolves. */
  async stopConnector(): Promise<void> {
    await this.connect.stop(this.connector);
    await this.await('a connector that has stopped', async () => {
      const status = await this.connect.status(this.connector);
      return status?.state === 'STOPPED' && status.tasks.length === 0 && !(await this.slot()).active;
    });
  }

  async emptyOffsets(): Promise<void> {
    await this.await('offsets that may be deleted', async () => {
      await this.connect.deleteOffsets(this.connector);
      return (await this.connect.offsets(this.connector))?.length === 0;
    });
  }

  async slot(): Promise<{ readonly name: string; readonly active: boolean }> {
    const [slot] = await this.world.source.query<{ name: string; active: boolean }>('SELECT slot_name::text AS name, active FROM pg_replication_slots WHERE database = current_database()');
    if (slot === undefined) throw new Error('there is no slot');
    return slot;
  }

  /** Over all that has committed. */
  async advanceSlot(): Promise<void> {
    const { name } = await this.slot();
    await this.world.source.query('SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())', [name]);
  }

  /** From under its reader. */
  async dropSlot(): Promise<void> {
    const { name } = await this.slot();
    await this.await('the slot to be dropped', async () => {
      await this.world.source.query('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1 AND active', [name]);
      await this.world.source.query('SELECT pg_drop_replication_slot($1)', [name]);
    }, 5);
  }

  /** What the pipeline's counter row holds. */
  async counted(): Promise<bigint> {
    const [row] = await this.world.source.query<{ value: string }>('SELECT value::text FROM elstream.counter WHERE pipeline = $1', [this.world.pipeline.name]);
    return BigInt(row?.value ?? '-1');
  }

  private runs(): Promise<readonly Run[]> {
    return this.world.runtime.store.readRuns({ pipeline: this.world.pipeline.name, limit: 100 });
  }

  private states(): Promise<readonly TableState[]> {
    return this.world.pipeline.warehouse.readTableStates(this.world.pipeline.name);
  }
}

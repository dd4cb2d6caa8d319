import { ElstreamError, type Logger, silentLogger } from '@elstream/core';
import { type Admin, CompressionTypes, ConfigResourceTypes, Kafka, type KafkaConfig, logLevel, Partitioners, type Producer, type ProducerConfig, type SASLOptions } from 'kafkajs';
import { type ConnectionOptions } from 'node:tls';
import { registerCodecs } from './codecs';
import { type ConsumeOptions, type KafkaConsumer, type KafkaPartition, type LogRange, startConsumer } from './consumer';
import { greetBrokers } from './greeting';
import { classifyKafkaError } from './kafka-errors';
import { OffsetReader, type PartitionOffsets } from './offset-reader';

// This file, consumer.ts, offset-reader.ts and codecs.ts are all that imports kafkajs: what they export names none of its types
// to the rest. kafka-errors.ts goes by the names and words of its errors.

export interface KafkaSettings {
  /** `host:port` of some brokers; the rest are learned from them. */
  readonly brokers: readonly string[];
  /** As brokers show it in their logs and quotas. */
  readonly clientId: string;
  /** Default: no TLS. */
  readonly tls?: ConnectionOptions | true;
  readonly sasl?: { readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; readonly username: string; readonly password: string };
  /** How long a broker may take to answer a request. Default 30,000 ms. */
  readonly requestTimeoutMs?: number;
  readonly logger?: Logger;
}

export interface NewTopic {
  readonly topic: string;
  readonly partitions: number;
  /** Default: the brokers' own. */
  readonly replicas?: number;
  /** As in `retention.ms`. */
  readonly config?: Readonly<Record<string, string>>;
}

export type Codec = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

export interface NewRecord {
  readonly key: Buffer | string | null;
  readonly value: Buffer | string | null;
  /** Default: by the key, as Java's clients choose it. */
  readonly partition?: number;
  /** Milliseconds since 1970, in a topic that keeps when records were sent. Default: now. */
  readonly timestamp?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface KafkaProducer {
  /** Resolves when all replicas in sync have the records. */
  send(topic: string, records: readonly NewRecord[], codec?: Codec): Promise<void>;
  /** Sends in one transaction; `abort` leaves records in the log that readers of committed ones never see. The producer needs a `transactionalId`. */
  transaction(topic: string, records: readonly NewRecord[], end: 'commit' | 'abort'): Promise<void>;
  close(): Promise<void>;
}

/** As it lies in the log. */
export interface StoredRecord {
  readonly offset: bigint;
  readonly timestampMs: number;
  readonly value: Buffer | null;
  /** A marker of a transaction's end. */
  readonly control: boolean;
}

/** A Kafka cluster. Errors of its calls: `KAFKA` (retry), or as of `openKafka`, and `KAFKA_PRIVILEGE` (stop). */
export interface KafkaClient {
  /** Creates what is not there; a topic that is there is left as it is. Resolves once its partitions can be asked for. */
  createTopics(topics: readonly NewTopic[]): Promise<void>;
  deleteTopics(topics: readonly string[]): Promise<void>;
  /** Removes the records below `before`, as retention does. */
  deleteRecords(topic: string, partition: number, before: bigint): Promise<void>;
  listTopics(): Promise<readonly string[]>;
  offsets(topic: string): Promise<readonly PartitionOffsets[]>;
  /** The same of those topics that exist. */
  offsetsOf(topics: Iterable<string>): Promise<ReadonlyMap<string, readonly PartitionOffsets[]>>;
  /** Per partition the first offset stamped at or after the time, milliseconds since 1970; the end where there is none. The topic must exist. */
  offsetsAt(topic: string, timestampMs: number): Promise<ReadonlyMap<number, bigint>>;
  /**
   * What the log holds at the offset and right behind it, in one batch of its producer's; empty where it holds none, or no longer.
   *
   * @param committed without what was aborted, or may be
   */
  recordsAt(partition: KafkaPartition, from: { readonly offset: bigint; readonly committed: boolean }): Promise<readonly StoredRecord[]>;
  /** Settings in force of topics that exist, by topic. */
  configs(topics: readonly string[]): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>>;
  /** What a group has committed; null where nothing. For lag tools only, never our truth (R2). */
  committed(groupId: string, topic: string): Promise<ReadonlyMap<number, bigint | null>>;
  consume(options: ConsumeOptions): Promise<KafkaConsumer>;
  producer(options?: { readonly transactionalId?: string }): Promise<KafkaProducer>;
  close(): Promise<void>;
}

const codecs: Record<Codec, CompressionTypes> = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy, lz4: CompressionTypes.LZ4, zstd: CompressionTypes.ZSTD };

async function during<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw classifyKafkaError(what, error);
  }
}

/**
 * Connects.
 *
 * @throws ElstreamError `KAFKA` (retry) when no broker is reached; `KAFKA_TLS`, `KAFKA_LOGIN`, `KAFKA_PASSWORD`,
 * `KAFKA_MECHANISM` (stop), naming the setting, where brokers do not take what the settings say
 */
export async function openKafka(settings: KafkaSettings): Promise<KafkaClient> {
  registerCodecs();
  await greetBrokers(settings);
  const kafka = new Kafka(configOf(settings));
  const admin = kafka.admin();
  const connect = async (): Promise<OffsetReader> => {
    await admin.connect();
    return OffsetReader.connect(kafka);
  };
  const offsets = await during(`connect to ${settings.brokers.join(',')}`, connect).catch(async (error: unknown) => {
    await admin.disconnect();
    throw error;
  });
  return new Client(kafka, admin, offsets, settings.logger ?? silentLogger);
}

function configOf({ brokers, clientId, tls, sasl, requestTimeoutMs = 30_000, logger = silentLogger }: KafkaSettings): KafkaConfig {
  return {
    brokers: [...brokers],
    clientId,
    requestTimeout: requestTimeoutMs,
    connectionTimeout: 5_000,
    ...(tls === undefined ? {} : { ssl: tls }),
    // Its type wants the mechanism known when it compiles. A copy: kafkajs writes to it, and ours is the pipeline's.
    ...(sasl === undefined ? {} : { sasl: { ...sasl } as SASLOptions }),
    retry: { initialRetryTime: 100, maxRetryTime: 5_000, retries: 8 },
    logLevel: logLevel.WARN,
    // Its words for the passing troubles of a cluster are strong, and it tries again by itself: none is an error of ours.
    logCreator: () => ({ log, level }) => logger[level <= logLevel.WARN ? 'warn' : 'debug']({ ...(typeof log['groupId'] === 'string' ? { group: log['groupId'] } : {}), ...(typeof log['error'] === 'string' ? { error: log['error'] } : {}) }, `Kafka: ${log.message}`),
  };
}

class Client implements KafkaClient {
  readonly #open = new Set<{ close(): Promise<void> }>();

  constructor(
    private readonly kafka: Kafka,
    private readonly admin: Admin,
    private readonly offsetReader: OffsetReader,
    private readonly logger: Logger,
  ) {}

  createTopics(topics: readonly NewTopic[]): Promise<void> {
    return during('create topics', async () => {
      await this.admin.createTopics({
        waitForLeaders: true,
        topics: topics.map(({ topic, partitions, replicas = -1, config = {} }) => ({
          topic,
          numPartitions: partitions,
          replicationFactor: replicas,
          configEntries: Object.entries(config).map(([name, value]) => ({ name, value })),
        })),
      });
    });
  }

  deleteTopics(topics: readonly string[]): Promise<void> {
    return during('delete topics', () => this.admin.deleteTopics({ topics: [...topics] }));
  }

  deleteRecords(topic: string, partition: number, before: bigint): Promise<void> {
    return during(`delete records of ${topic}`, async () => {
      // kafkajs looks for the leader among the topics it has asked for before.
      await this.admin.fetchTopicOffsets(topic);
      await this.admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(before) }] });
    });
  }

  listTopics(): Promise<readonly string[]> {
    return during('list topics', () => this.admin.listTopics());
  }

  async offsets(topic: string): Promise<readonly PartitionOffsets[]> {
    const found = (await this.offsetsOf([topic])).get(topic);
    if (found === undefined) throw new ElstreamError('KAFKA', 'retry', `the topic ${topic} does not exist now`);
    return found;
  }

  offsetsOf(topics: Iterable<string>): Promise<ReadonlyMap<string, readonly PartitionOffsets[]>> {
    return during('offsets of topics', async () => {
      const there = new Set(await this.admin.listTopics());
      return this.offsetReader.read([...new Set(topics)].filter((topic) => there.has(topic)));
    });
  }

  offsetsAt(topic: string, timestampMs: number): Promise<ReadonlyMap<number, bigint>> {
    return during(`offsets of ${topic}`, async () => new Map((await this.admin.fetchTopicOffsetsByTimestamp(topic, timestampMs)).map(({ partition, offset }) => [partition, BigInt(offset)])));
  }

  recordsAt({ topic, partition }: KafkaPartition, from: Parameters<KafkaClient['recordsAt']>[1]): Promise<readonly StoredRecord[]> {
    return during(`read ${topic}`, async () => {
      try {
        const found = await this.offsetReader.recordsAt(topic, partition, from);
        return found.map(({ offset, timestamp, value, isControlRecord }) => ({ offset: BigInt(offset), timestampMs: Number(timestamp), value, control: isControlRecord }));
      } catch (error) {
        // Retention has just come by.
        if ((error as { readonly type?: unknown }).type === 'OFFSET_OUT_OF_RANGE') return [];
        throw error;
      }
    });
  }

  configs(topics: readonly string[]): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
    return during('settings of topics', async () => {
      if (topics.length === 0) return new Map();
      const { resources } = await this.admin.describeConfigs({ includeSynonyms: false, resources: topics.map((name) => ({ type: ConfigResourceTypes.TOPIC, name })) });
      return new Map(resources.map(({ resourceName, configEntries }) => [resourceName, new Map(configEntries.map(({ configName, configValue }) => [configName, configValue]))]));
    });
  }

  committed(groupId: string, topic: string): Promise<ReadonlyMap<number, bigint | null>> {
    return during(`offsets of the group ${groupId}`, async () => {
      const [found] = await this.admin.fetchOffsets({ groupId, topics: [topic] });
      return new Map((found?.partitions ?? []).map(({ partition, offset }) => [partition, offset === '-1' ? null : BigInt(offset)]));
    });
  }

  async consume(options: ConsumeOptions): Promise<KafkaConsumer> {
    const range = async ({ topic, partition }: KafkaPartition): Promise<LogRange> => {
      const found = (await this.offsets(topic)).find((p) => p.partition === partition);
      if (!found) throw new ElstreamError('KAFKA', 'retry', `the topic ${topic} has no partition ${String(partition)} now`);
      return found;
    };
    const consumer = await during(`join the group ${options.groupId}`, () => startConsumer(this.kafka, options, { range, logger: this.logger }));
    this.#open.add(consumer);
    return consumer;
  }

  async producer({ transactionalId }: { readonly transactionalId?: string } = {}): Promise<KafkaProducer> {
    const own: ProducerConfig = { createPartitioner: Partitioners.DefaultPartitioner, allowAutoTopicCreation: false, ...(transactionalId === undefined ? {} : { transactionalId, idempotent: true, maxInFlightRequests: 1 }) };
    const producer = this.kafka.producer(own);
    await during('connect a producer', () => producer.connect());
    const ours = producerOf(producer);
    this.#open.add(ours);
    return ours;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open].map((one) => one.close()));
    this.#open.clear();
    await Promise.all([this.admin.disconnect(), this.offsetReader.close()]);
  }
}

function producerOf(producer: Producer): KafkaProducer {
  return {
    send: (topic, records, codec = 'none') =>
      during(`send to ${topic}`, async () => {
        await producer.send({ topic, acks: -1, compression: codecs[codec], messages: records.map((record) => ({ ...record })) });
      }),
    transaction: (topic, records, end) =>
      during(`send to ${topic}`, async () => {
        const transaction = await producer.transaction();
        await transaction.send({ topic, acks: -1, messages: records.map((record) => ({ ...record })) });
        await transaction[end]();
      }),
    close: () => producer.disconnect(),
  };
}

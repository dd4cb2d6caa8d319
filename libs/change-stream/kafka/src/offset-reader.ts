import { ElstreamError, sleep } from '@elstream/core';
import { KafkaJSProtocolError, type Kafka, type KafkaMessage } from 'kafkajs';

/** Offsets of a partition: `first` is the log's start, `end` the next to be written. */
export interface PartitionOffsets {
  readonly partition: number;
  readonly first: bigint;
  readonly end: bigint;
}

/** A record that the log holds, whether its transaction was committed or not, or a marker of one. */
export interface StoredRecord extends Pick<KafkaMessage, 'value' | 'timestamp' | 'offset'> {
  readonly isControlRecord: boolean;
  readonly batchContext: { readonly producerId: string; readonly inTransaction: boolean };
}

/** What we use of kafkajs's own; 2.2.4 declares none of it. */
interface Broker {
  fetch(request: { isolationLevel: number; maxWaitTime: number; minBytes: number; maxBytes: number; topics: readonly { topic: string; partitions: readonly { partition: number; fetchOffset: string; maxBytes: number }[] }[] }): Promise<{
    readonly responses: readonly { readonly partitions: readonly { readonly messages: readonly StoredRecord[]; readonly abortedTransactions?: readonly { readonly producerId: string; readonly firstOffset: string }[] }[] }[];
  }>;
}

interface Cluster {
  readonly brokerPool: { refreshMetadata(topics: readonly string[]): Promise<void> };
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number }[];
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Readonly<Record<string, readonly number[]>>;
  findBroker(of: { nodeId: string }): Promise<Broker>;
  fetchTopicsOffset(topics: readonly { topic: string; fromBeginning: boolean; partitions: readonly { partition: number }[] }[]): Promise<readonly { topic: string; partitions: readonly { partition: number; offset: string }[] }[]>;
}

/** Of a topic just made, or whose leader has moved: asked again, another broker answers, or the same one knows by then. */
const LEADER_MOVES = new Set(['NOT_LEADER_FOR_PARTITION', 'LEADER_NOT_AVAILABLE', 'UNKNOWN_TOPIC_OR_PARTITION']);
const LEADER_TRIES = { most: 20, pauseMs: 100 };

const READ_UNCOMMITTED = 0;
const READ_COMMITTED = 1;

/**
 * Offsets of many topics in three requests a broker. kafkajs's admin asks twice per topic, keeps what it knows of leaders
 * for minutes, and knows the end of *committed* records only (the last stable offset). That end will not do for R4: the
 * broker marks a transaction's partitions as committed one after another, the connector's offsets perhaps before the rows,
 * so that a committed source offset can be seen while the rows before it still lie above the last stable offset. Here
 * `end` is the high watermark: whatever was written when it was asked for lies below, committed, aborted or open.
 */
export class OffsetReader {
  private tail: Promise<unknown> = Promise.resolve();

  private constructor(private readonly cluster: Cluster) {}

  static async connect(kafka: Kafka): Promise<OffsetReader> {
    const symbol = Object.getOwnPropertySymbols(kafka).find(({ description }) => description === 'private:Kafka:createCluster');
    const create: unknown = symbol === undefined ? undefined : (kafka as unknown as Record<symbol, unknown>)[symbol];
    if (typeof create !== 'function') throw new ElstreamError('KAFKA', 'stop', 'this release of kafkajs is not the one that elstream was built with (2.2.4)');
    const cluster = (create as (options: object) => Cluster)({ metadataMaxAge: 300_000, allowAutoTopicCreation: false, isolationLevel: READ_UNCOMMITTED });
    await cluster.connect().catch(async (error: unknown) => {
      await cluster.disconnect();
      throw error;
    });
    return new OffsetReader(cluster);
  }

  /** @param topics all must exist */
  read(topics: readonly string[]): Promise<ReadonlyMap<string, readonly PartitionOffsets[]>> {
    return this.inTurn(() => this.ask(topics));
  }

  /**
   * What the log holds at `offset` and right behind it: the rest of one batch of its producer's, or nothing. The topic must
   * exist, and the offset lie in the log. No group is joined for it.
   *
   * @param committed leaves out whatever a transaction was begun with that was aborted, or has not ended
   */
  recordsAt(topic: string, partition: number, { offset, committed }: { readonly offset: bigint; readonly committed: boolean }): Promise<readonly StoredRecord[]> {
    return this.inTurn(async () => {
      await this.cluster.brokerPool.refreshMetadata([topic]);
      const [nodeId] = Object.keys(this.cluster.findLeaderForPartitions(topic, [partition]));
      if (nodeId === undefined) throw new ElstreamError('KAFKA', 'retry', `partition ${String(partition)} of the topic ${topic} has no leader now`);
      const broker = await this.cluster.findBroker({ nodeId });
      // The broker sends a first batch whole, whatever its size, and nothing behind it.
      const { responses } = await broker.fetch({
        isolationLevel: committed ? READ_COMMITTED : READ_UNCOMMITTED,
        maxWaitTime: 0,
        minBytes: 1,
        maxBytes: 1,
        topics: [{ topic, partitions: [{ partition, fetchOffset: String(offset), maxBytes: 1 }] }],
      });
      const [found] = responses.flatMap(({ partitions }) => partitions);
      const aborted = committed ? (found?.abortedTransactions ?? []) : [];
      const isAborted = (record: StoredRecord): boolean => record.batchContext.inTransaction && aborted.some(({ producerId, firstOffset }) => producerId === record.batchContext.producerId && BigInt(firstOffset) <= BigInt(record.offset));
      return (found?.messages ?? []).filter((record) => BigInt(record.offset) >= offset && !isAborted(record));
    });
  }

  /** One at a time: the cluster knows the leaders of the topics asked for last. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const run = this.tail.then(async () => {
      for (let tries = 1; ; tries += 1) {
        try {
          return await work();
        } catch (error) {
          if (!(error instanceof KafkaJSProtocolError && LEADER_MOVES.has(error.type)) || tries === LEADER_TRIES.most) throw error;
          await sleep(LEADER_TRIES.pauseMs);
        }
      }
    });
    this.tail = run.catch(() => undefined);
    return run;
  }

  private async ask(topics: readonly string[]): Promise<ReadonlyMap<string, readonly PartitionOffsets[]>> {
    if (topics.length === 0) return new Map();
    await this.cluster.brokerPool.refreshMetadata(topics);
    const wanted = topics.map((topic) => ({ topic, partitions: this.cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => ({ partition: partitionId })) }));
    const ask = async (fromBeginning: boolean): Promise<Map<string, Map<number, bigint>>> => {
      const found = await this.cluster.fetchTopicsOffset(wanted.map((topic) => ({ ...topic, fromBeginning })));
      return new Map(found.map(({ topic, partitions }) => [topic, new Map(partitions.map(({ partition, offset }) => [partition, BigInt(offset)]))]));
    };
    // The start first: it is never above an end that is read later.
    const first = await ask(true);
    const end = await ask(false);
    return new Map(wanted.map(({ topic, partitions }) => [topic, partitions.map(({ partition }) => rangeOf(topic, partition, first, end)).sort((a, b) => a.partition - b.partition)]));
  }

  close(): Promise<void> {
    return this.cluster.disconnect();
  }
}

type Found = ReadonlyMap<string, ReadonlyMap<number, bigint>>;

function rangeOf(topic: string, partition: number, firsts: Found, ends: Found): PartitionOffsets {
  const first = firsts.get(topic)?.get(partition);
  const end = ends.get(topic)?.get(partition);
  if (first === undefined || end === undefined) throw new ElstreamError('KAFKA', 'retry', `partition ${String(partition)} of the topic ${topic} has no leader now`);
  return { partition, first, end };
}

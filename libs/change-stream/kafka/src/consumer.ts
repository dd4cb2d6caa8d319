import { describeError, ElstreamError, type Logger } from '@elstream/core';
import { type Consumer, type EachBatchPayload, type Kafka, type KafkaMessage } from 'kafkajs';

export interface KafkaPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface KafkaRecord {
  readonly offset: bigint;
  /** Milliseconds since 1970, as the topic's records are stamped. */
  readonly timestampMs: number;
  readonly key: Buffer | null;
  /** Null: a tombstone. */
  readonly value: Buffer | null;
}

/** What one fetch brought of a partition: at least one record, in order. */
export interface KafkaBatch extends KafkaPartition {
  /** The batch covers all offsets from here … */
  readonly from: bigint;
  readonly records: readonly KafkaRecord[];
  /** … to below this one: the last record's successor, and beyond the control records that follow it. */
  readonly next: bigint;
  /** Offset behind the newest record that is visible. */
  readonly end: bigint;
  /** Aborted when the partition may be another's: it was taken away, or the group does not hear us. */
  readonly signal: AbortSignal;
}

/** Offsets that can no longer be had: what the log begins with is not what was expected. */
export interface KafkaGap extends KafkaPartition {
  readonly expected: bigint;
  /** Above `expected`: retention was faster. At or below: the topic is a new one, or was cut off at its end. */
  readonly logStart: bigint;
}

export interface ConsumeOptions {
  readonly groupId: string;
  readonly topics: readonly string[];
  /** Where to begin: asked at each assignment, before anything of these partitions is fetched; undefined: at the log's start. The group's committed offsets are never read. */
  readonly startAt: (partition: KafkaPartition) => Promise<bigint | undefined>;
  /** One batch of a partition at a time. Resolving means: go on behind it. What it throws pauses the partition and goes to `onFailure`. */
  readonly onBatch: (batch: KafkaBatch) => Promise<void>;
  /** Nothing more of the partition is delivered until `seek`. */
  readonly onGap: (gap: KafkaGap) => void;
  readonly onFailure: (error: unknown) => void;
  /** Partitions whose batches are handled at the same time. Default 1. */
  readonly concurrency?: number;
  /** Bytes of one fetch, of one partition and of all. A single larger record is delivered all the same. Default 1 MiB and 8 MiB. */
  readonly partitionBytes?: number;
  readonly fetchBytes?: number;
  /** After this silence the group gives our partitions to others. Default 30,000 ms. */
  readonly sessionTimeoutMs?: number;
}

export interface KafkaConsumer {
  /** Partitions that are ours now. */
  assigned(): readonly KafkaPartition[];
  pause(partition: KafkaPartition): void;
  resume(partition: KafkaPartition): void;
  /** Goes on at `offset`, and lifts what a gap has stopped. */
  seek(partition: KafkaPartition, offset: bigint): void;
  /** Tells the group, for lag tools only. */
  commit(partition: KafkaPartition, next: bigint): Promise<void>;
  /** Leaves the group, after the batches in hand, but after `STOP_MS` in any case (R12). Idempotent. */
  close(): Promise<void>;
}

interface Surroundings {
  readonly logStart: (topic: string, partition: number) => Promise<bigint>;
  readonly logger: Logger;
}

const STOP_MS = 5_000;
const nameOf = ({ topic, partition }: KafkaPartition): string => `${topic}/${String(partition)}`;

/** Resolves once it has joined its group, which batches that other members have in hand may hold up for the session timeout. */
export async function startConsumer(kafka: Kafka, options: ConsumeOptions, around: Surroundings): Promise<KafkaConsumer> {
  const reader = new Reader(kafka, options, around);
  await reader.start();
  return reader;
}

/**
 * kafkajs, held to our rules:
 * - it begins where its group has committed: here an assigned partition stays paused until its start is known and sought;
 * - out of range it goes silently to the log's start: here every batch must be the one that follows;
 * - it delivers batches of partitions it has lost, and lets their handlers move the new owner's place: here a handler
 *   moves nothing once the assignment has changed, and the batch's signal is aborted;
 * - it repeats a handler that throws, for ever: here the partition stops and the error is told.
 */
class Reader implements KafkaConsumer {
  readonly #consumer: Consumer;
  /** Grows with each assignment. */
  #generation = 0;
  /** Of the batches in hand. */
  readonly #inHand = new Set<AbortController>();
  #assigned: readonly KafkaPartition[] = [];
  /** What is to come next, by partition. Absent: not begun, or stopped by a gap or a failure. */
  readonly #next = new Map<string, bigint>();
  readonly #pausedByUser = new Set<string>();
  /** Partitions of which a batch did not fit, since sought again. */
  readonly #doubted = new Map<string, bigint>();
  #closing: Promise<void> | undefined;

  constructor(
    kafka: Kafka,
    private readonly options: ConsumeOptions,
    private readonly around: Surroundings,
  ) {
    const { groupId, sessionTimeoutMs = 30_000, partitionBytes = 1 << 20, fetchBytes = 8 << 20 } = options;
    this.#consumer = kafka.consumer({
      groupId,
      sessionTimeout: sessionTimeoutMs,
      // Who does not let go of a batch in this time is taken for dead as well.
      rebalanceTimeout: sessionTimeoutMs,
      heartbeatInterval: this.heartbeatMs,
      maxBytesPerPartition: partitionBytes,
      maxBytes: fetchBytes,
      maxWaitTimeInMs: 500,
      readUncommitted: false,
      allowAutoTopicCreation: false,
      retry: { initialRetryTime: 100, maxRetryTime: 5_000, retries: 8, restartOnFailure: () => Promise.resolve(this.#closing === undefined) },
    });
  }

  private get heartbeatMs(): number {
    return Math.min(3_000, Math.floor((this.options.sessionTimeoutMs ?? 30_000) / 4));
  }

  async start(): Promise<void> {
    const { GROUP_JOIN, REBALANCING, START_BATCH_PROCESS, CRASH } = this.#consumer.events;
    // Listeners run inside kafkajs's own step: nothing is fetched between a join and what we do here.
    this.#consumer.on(GROUP_JOIN, ({ payload }) => this.onJoin(payload.memberAssignment));
    this.#consumer.on(REBALANCING, () => this.lose());
    this.#consumer.on(START_BATCH_PROCESS, ({ payload }) => {
      // Aborted records and markers alone: kafkajs passes over them without a word to the handler.
      if (payload.batchSize === 0) this.passOver(payload, payload.firstOffset, BigInt(payload.lastOffset) + 1n);
    });
    this.#consumer.on(CRASH, ({ payload }) => {
      this.lose();
      if (!payload.restart && this.#closing === undefined) this.options.onFailure(new ElstreamError('KAFKA', 'retry', `the consumer of ${this.options.groupId} ended: ${describeError(payload.error)}`, { cause: payload.error }));
    });
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topics: [...this.options.topics], fromBeginning: true });
    await this.#consumer.run({ autoCommit: false, eachBatchAutoResolve: false, partitionsConsumedConcurrently: this.options.concurrency ?? 1, eachBatch: (payload) => this.onEachBatch(payload) });
  }

  private onJoin(assignment: Readonly<Record<string, readonly number[]>>): void {
    this.lose();
    this.#generation += 1;
    this.#next.clear();
    this.#doubted.clear();
    this.#assigned = Object.entries(assignment).flatMap(([topic, partitions]) => partitions.map((partition) => ({ topic, partition })));
    this.halt(this.#assigned);
    const generation = this.#generation;
    for (const partition of this.#assigned) {
      this.begin(partition, generation).catch((error: unknown) => {
        if (generation === this.#generation && this.#closing === undefined) this.options.onFailure(error);
      });
    }
  }

  private async begin(partition: KafkaPartition, generation: number): Promise<void> {
    const start = (await this.options.startAt(partition)) ?? (await this.around.logStart(partition.topic, partition.partition));
    if (generation === this.#generation && this.#closing === undefined) this.seek(partition, start);
  }

  private lose(): void {
    for (const batch of this.#inHand) batch.abort();
  }

  private passOver(partition: KafkaPartition, first: string | null, next: bigint): void {
    const expected = this.#next.get(nameOf(partition));
    // Beyond what is expected: the next batch with records will tell whether something is missing.
    if (expected !== undefined && first !== null && BigInt(first) <= expected && next > expected) this.#next.set(nameOf(partition), next);
  }

  private async onEachBatch({ batch, resolveOffset, heartbeat }: EachBatchPayload): Promise<void> {
    const at: KafkaPartition = { topic: batch.topic, partition: batch.partition };
    const generation = this.#generation;
    const expected = this.#next.get(nameOf(at));
    // Fetched before the partition was stopped.
    if (expected === undefined) return;
    const { records, from, next } = contentsOf(batch);
    if (!(await this.fits(at, from, expected)) || generation !== this.#generation) return;
    const lost = new AbortController();
    this.#inHand.add(lost);
    const beat = setInterval(() => void heartbeat().catch(() => lost.abort()), this.heartbeatMs);
    try {
      await this.options.onBatch({ ...at, from: expected, records, next, end: BigInt(batch.highWatermark), signal: lost.signal });
      // Else another assignment, or a seek of the handler's, has said where to go on.
      if (generation !== this.#generation || this.#next.get(nameOf(at)) !== expected) return;
      this.#next.set(nameOf(at), next);
      resolveOffset(String(next - 1n));
    } catch (error) {
      if (generation !== this.#generation) return;
      this.stopAt(at);
      this.options.onFailure(error);
    } finally {
      clearInterval(beat);
      this.#inHand.delete(lost);
    }
  }

  /** R3 (d): beyond what was expected a batch may begin only where the log still has the expected offset. */
  private async fits(at: KafkaPartition, from: bigint, expected: bigint): Promise<boolean> {
    const name = nameOf(at);
    if (from === expected) {
      this.#doubted.delete(name);
      return true;
    }
    const logStart = await this.around.logStart(at.topic, at.partition);
    if (this.#next.get(name) !== expected) return false;
    if (from > expected && logStart <= expected) return true;
    // Below: fetched before a seek, or kafkajs has gone to the start of a log that ends below what we expect. Ask again.
    if (from < expected && this.#doubted.get(name) !== expected) {
      this.#doubted.set(name, expected);
      this.#consumer.seek({ ...at, offset: String(expected) });
      return false;
    }
    this.stopAt(at);
    this.options.onGap({ ...at, expected, logStart });
    return false;
  }

  /** Nothing more of the partition until `seek`. */
  private stopAt(at: KafkaPartition): void {
    this.#next.delete(nameOf(at));
    this.halt([at]);
  }

  private halt(partitions: readonly KafkaPartition[]): void {
    this.#consumer.pause(partitions.map(({ topic, partition }) => ({ topic, partitions: [partition] })));
  }

  assigned(): readonly KafkaPartition[] {
    return this.#assigned;
  }

  pause(at: KafkaPartition): void {
    this.#pausedByUser.add(nameOf(at));
    this.halt([at]);
  }

  resume(at: KafkaPartition): void {
    this.#pausedByUser.delete(nameOf(at));
    if (this.#next.has(nameOf(at))) this.#consumer.resume([{ topic: at.topic, partitions: [at.partition] }]);
  }

  seek(at: KafkaPartition, offset: bigint): void {
    this.#next.set(nameOf(at), offset);
    this.#doubted.delete(nameOf(at));
    this.#consumer.seek({ ...at, offset: String(offset) });
    if (!this.#pausedByUser.has(nameOf(at))) this.resume(at);
  }

  async commit({ topic, partition }: KafkaPartition, next: bigint): Promise<void> {
    await this.#consumer.commitOffsets([{ topic, partition, offset: String(next) }]);
  }

  close(): Promise<void> {
    return (this.#closing ??= this.leave());
  }

  private async leave(): Promise<void> {
    this.lose();
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, STOP_MS)));
    await Promise.race([this.#consumer.disconnect(), patience]);
    clearTimeout(timer);
  }
}

/** `from` is what was asked for, which kafkajs keeps but does not declare; without it (another release) what the broker sent. */
function contentsOf(batch: EachBatchPayload['batch']): Pick<KafkaBatch, 'from' | 'records' | 'next'> {
  const { fetchedOffset } = batch as unknown as { fetchedOffset?: string };
  const from = BigInt(fetchedOffset ?? batch.firstOffset() ?? 0);
  return { from, records: batch.messages.map(recordOf), next: BigInt(batch.lastOffset()) + 1n };
}

const recordOf = ({ offset, timestamp, key, value }: KafkaMessage): KafkaRecord => ({ offset: BigInt(offset), timestampMs: Number(timestamp), key, value });

import { describeError, type ElstreamError, ruleHolds, type Logger } from '@elstream/core';
import { type Consumer, type EachBatchPayload, type Kafka, type KafkaMessage } from 'kafkajs';
import { classifyKafkaError } from './kafka-errors';

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
  readonly headers?: Readonly<Record<string, unknown>>;
  /** Who wrote it, where `ConsumeOptions.producersOf` asks. */
  readonly producer?: ProducerEpoch;
}

/** Brokers raise the epoch with every start of a transactional producer, with KIP-890 also with each of its transactions; when epochs run out it gets another id. */
export interface ProducerEpoch {
  readonly id: string;
  readonly epoch: number;
  /** When it took up the batch of the record, by its own clock, which brokers keep beside the time they may stamp. */
  readonly sentMs: number;
}

/** What one fetch brought of a partition, in order; no record where it held markers of transactions or aborted records alone. */
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

/** Offsets that can no longer be had: what the log holds is not what was expected. */
export interface KafkaGap extends KafkaPartition {
  readonly expected: bigint;
  /** Above `expected`: retention was faster. */
  readonly logStart: bigint;
  /** Below `expected`: the topic is a new one, or was cut off at its end. */
  readonly end: bigint;
}

/** `again`: the partition's start is asked once more; `stop`: nothing more of it, or, once the batch's signal is aborted, the same. Neither moves anything. */
export type BatchVerdict = 'again' | 'stop' | undefined;

export interface ConsumeOptions {
  readonly groupId: string;
  readonly topics: readonly string[];
  /**
   * Where to begin: asked at each assignment, after the batch of the partition that is still in hand, and before anything
   * is fetched; undefined: at the log's start, null: nowhere. The group's committed offsets are never read.
   */
  readonly startAt: (partition: KafkaPartition) => Promise<bigint | null | undefined>;
  /**
   * One batch of a partition at a time. Resolving without a verdict means: go on behind it. What it throws pauses the
   * partition and goes to `onFailure`, unless the batch's signal is aborted: then the start is asked again.
   */
  readonly onBatch: (batch: KafkaBatch) => Promise<BatchVerdict>;
  /** Nothing more of the partition is delivered until `seek` or `again`. */
  readonly onGap: (gap: KafkaGap) => void;
  readonly onFailure: (error: unknown) => void;
  /** Topics whose records tell their producer. Default: none. */
  readonly producersOf?: ReadonlySet<string>;
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
  /** Asks for the partition's start, and goes on there. */
  again(partition: KafkaPartition): void;
  /** Tells the group, for lag tools only. */
  commit(partition: KafkaPartition, next: bigint): Promise<void>;
  /** The same soon, some at a time, unless the partition is lost before. Never fails. */
  note(partition: KafkaPartition, next: bigint): void;
  /** Leaves the group, after the batches in hand, but after `STOP_MS` in any case (R12). Idempotent. */
  close(): Promise<void>;
}

interface Surroundings {
  /** The offsets that the log holds now. */
  readonly range: (partition: KafkaPartition) => Promise<LogRange>;
  readonly logger: Logger;
}

/** `end` is the high watermark. */
export interface LogRange {
  readonly first: bigint;
  readonly end: bigint;
}

const STOP_MS = 5_000;
const NOTE_MS = 500;
/** The id of a producer that is not idempotent. */
const NOBODY = '-1';
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
  /** Per partition the end of what is in hand: a handler that outlives its assignment holds up the next of its partition. */
  readonly #tails = new Map<string, Promise<void>>();
  readonly #notes = new Map<string, KafkaPartition & { readonly next: bigint }>();
  #noting: NodeJS.Timeout | undefined;
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
      retry: { initialRetryTime: 100, maxRetryTime: 5_000, retries: 8, restartOnFailure: (error) => Promise.resolve(this.#closing === undefined && this.classified(error).recovery === 'retry') },
    });
  }

  private get heartbeatMs(): number {
    return Math.min(3_000, Math.floor((this.options.sessionTimeoutMs ?? 30_000) / 4));
  }

  /** What a person must correct is not tried again. */
  private classified(error: unknown): ElstreamError {
    return classifyKafkaError(`the consumer of ${this.options.groupId} ended`, error);
  }

  async start(): Promise<void> {
    const { GROUP_JOIN, REBALANCING, START_BATCH_PROCESS, CRASH } = this.#consumer.events;
    // Listeners run inside kafkajs's own step: nothing is fetched between a join and what we do here.
    this.#consumer.on(GROUP_JOIN, ({ payload }) => this.onJoin(payload.memberAssignment));
    this.#consumer.on(REBALANCING, () => this.lose());
    this.#consumer.on(START_BATCH_PROCESS, ({ payload }) => {
      // Aborted records and markers alone: kafkajs passes over them without a word to the handler.
      if (payload.batchSize === 0 && payload.firstOffset !== null) this.passOver({ topic: payload.topic, partition: payload.partition }, BigInt(payload.firstOffset), BigInt(payload.lastOffset) + 1n);
    });
    this.#consumer.on(CRASH, ({ payload }) => {
      this.lose();
      if (!payload.restart && this.#closing === undefined) this.options.onFailure(this.classified(payload.error));
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
    for (const partition of this.#assigned) this.begin(partition, generation);
  }

  /** Checked against the log at once: of a log that ends below its start nothing would be delivered that could tell. */
  private begin(at: KafkaPartition, generation: number): void {
    const stale = (): boolean => generation !== this.#generation || this.#closing !== undefined;
    const work = async (): Promise<void> => {
      if (stale()) return;
      const start = await this.options.startAt(at);
      if (stale() || start === null) return;
      const range = await this.around.range(at);
      if (stale()) return;
      if (start !== undefined && (start < range.first || start > range.end) && ruleHolds('R3-offset-guard')) this.options.onGap({ ...at, expected: start, logStart: range.first, end: range.end });
      else this.seek(at, start ?? range.first);
    };
    this.exclusive(at, work).catch((error: unknown) => {
      if (!stale()) this.options.onFailure(error);
    });
  }

  private lose(): void {
    for (const batch of this.#inHand) batch.abort();
    this.#notes.clear();
  }

  private exclusive(at: KafkaPartition, work: () => Promise<void>): Promise<void> {
    const name = nameOf(at);
    const run = (this.#tails.get(name) ?? Promise.resolve()).then(work);
    const tail = run.catch(() => undefined);
    this.#tails.set(name, tail);
    return run;
  }

  /** kafkajs goes on by itself: our side of the partition follows in its turn, so that checkpoints come past such offsets too. */
  private passOver(at: KafkaPartition, from: bigint, next: bigint): void {
    const generation = this.#generation;
    const work = async (): Promise<void> => {
      const expected = this.#next.get(nameOf(at));
      if (generation !== this.#generation || expected === undefined || next <= expected) return;
      await this.deliver(at, { from: from < expected ? expected : from, records: [], next, end: next }, new AbortController());
    };
    this.exclusive(at, work).catch((error: unknown) => {
      if (generation === this.#generation && this.#closing === undefined) this.options.onFailure(error);
    });
  }

  private async onEachBatch({ batch, resolveOffset, heartbeat }: EachBatchPayload): Promise<void> {
    const at: KafkaPartition = { topic: batch.topic, partition: batch.partition };
    const generation = this.#generation;
    const lost = new AbortController();
    const beat = setInterval(() => void heartbeat().catch(() => lost.abort()), this.heartbeatMs);
    try {
      await this.exclusive(at, async () => {
        if (generation !== this.#generation || lost.signal.aborted) return;
        const contents = { ...contentsOf(batch, this.options.producersOf?.has(batch.topic) === true), end: BigInt(batch.highWatermark) };
        if (await this.deliver(at, contents, lost)) resolveOffset(String(contents.next - 1n));
      });
    } finally {
      clearInterval(beat);
    }
  }

  /** True: go on behind it. */
  private async deliver(at: KafkaPartition, { from, ...contents }: Pick<KafkaBatch, 'from' | 'records' | 'next' | 'end'>, lost: AbortController): Promise<boolean> {
    const generation = this.#generation;
    const expected = this.#next.get(nameOf(at));
    // Fetched before the partition was stopped.
    if (expected === undefined) return false;
    if (!(await this.fits(at, from, expected)) || generation !== this.#generation) return false;
    this.#inHand.add(lost);
    try {
      const verdict = await this.options.onBatch({ ...at, ...contents, from: expected, signal: lost.signal });
      // Else another assignment, or a seek of the handler's, has said where to go on.
      if (generation !== this.#generation || this.#next.get(nameOf(at)) !== expected) return false;
      if (verdict === undefined) this.#next.set(nameOf(at), contents.next);
      else this.stopAt(at);
      // Also where the handler gave way to its signal: if the group hears us again before anybody else has the partition, no assignment follows.
      if (verdict === 'again' || (verdict === 'stop' && lost.signal.aborted)) this.begin(at, generation);
      return verdict === undefined;
    } catch (error) {
      if (generation !== this.#generation) return false;
      this.stopAt(at);
      if (lost.signal.aborted) this.begin(at, generation);
      else this.options.onFailure(error);
      return false;
    } finally {
      this.#inHand.delete(lost);
    }
  }

  /** R3 (d): beyond what was expected a batch may begin only where the log still has the expected offset. */
  private async fits(at: KafkaPartition, from: bigint, expected: bigint): Promise<boolean> {
    const name = nameOf(at);
    if (from === expected || !ruleHolds('R3-offset-guard')) {
      this.#doubted.delete(name);
      return true;
    }
    const { first, end } = await this.around.range(at);
    if (this.#next.get(name) !== expected) return false;
    if (from > expected && first <= expected && expected <= end) return true;
    // Below: fetched before a seek, or kafkajs has gone to the start of a log that ends below what we expect. Ask again.
    if (from < expected && this.#doubted.get(name) !== expected) {
      this.#doubted.set(name, expected);
      this.#consumer.seek({ ...at, offset: String(expected) });
      return false;
    }
    this.stopAt(at);
    this.options.onGap({ ...at, expected, logStart: first, end });
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

  again(at: KafkaPartition): void {
    this.begin(at, this.#generation);
  }

  note(at: KafkaPartition, next: bigint): void {
    this.#notes.set(nameOf(at), { ...at, next });
    this.#noting ??= setTimeout(() => void this.tellNotes(), NOTE_MS);
  }

  /** Whoever has lost a partition has forgotten its notes; if it does not know yet, the broker refuses its generation. */
  private async tellNotes(): Promise<void> {
    clearTimeout(this.#noting);
    this.#noting = undefined;
    const offsets = [...this.#notes.values()].map(({ topic, partition, next }) => ({ topic, partition, offset: String(next) }));
    this.#notes.clear();
    if (offsets.length === 0) return;
    try {
      await this.#consumer.commitOffsets(offsets);
    } catch (error) {
      this.around.logger.debug({ group: this.options.groupId }, `offsets were not told to the group, which only lag tools read: ${describeError(error)}`);
    }
  }

  close(): Promise<void> {
    return (this.#closing ??= this.leave());
  }

  private async leave(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, STOP_MS)));
    const last = this.tellNotes();
    this.lose();
    await Promise.race([last.then(() => this.#consumer.disconnect()), patience]);
    clearTimeout(timer);
    clearTimeout(this.#noting);
  }
}

/** `from` is what was asked for, which kafkajs keeps but does not declare; without it (another release) what the broker sent. */
function contentsOf(batch: EachBatchPayload['batch'], withProducers: boolean): Pick<KafkaBatch, 'from' | 'records' | 'next'> {
  const { fetchedOffset } = batch as unknown as { fetchedOffset?: string };
  const from = BigInt(fetchedOffset ?? batch.firstOffset() ?? 0);
  return { from, records: batch.messages.map(withProducers ? (message) => ({ ...recordOf(message), producer: producerOf(message) }) : recordOf), next: BigInt(batch.lastOffset()) + 1n };
}

const recordOf = ({ offset, timestamp, key, value, headers }: KafkaMessage): KafkaRecord => ({ offset: BigInt(offset), timestampMs: Number(timestamp), key, value, ...(headers === undefined ? {} : { headers }) });

/** kafkajs keeps it but does not declare it. */
function producerOf(message: KafkaMessage): ProducerEpoch {
  const { producerId = NOBODY, producerEpoch = -1, firstTimestamp = message.timestamp } = (message as unknown as { batchContext?: { producerId?: string; producerEpoch?: number; firstTimestamp?: string } }).batchContext ?? {};
  return { id: producerId, epoch: producerEpoch, sentMs: Number(firstTimestamp) };
}

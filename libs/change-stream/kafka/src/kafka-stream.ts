import { type CaptureStatus, type ChangeStream, type ConnectorControl, type ConsumeOptions, type PartitionGap, type StreamMark, type StreamMoment, type StreamStart } from '@elstream/change-stream';
import { ElstreamError, LogPosition, silentLogger, sleep, StreamOffset, systemClock, type Checkpoint, type Logger, type TableMapping, type TableName } from '@elstream/core';
import { hasPassed, notificationsTopic, topicOf, type ConnectorPlan } from '@elstream/debezium';
import { openKafka } from './client';
import { connectConnector } from './connect-connector';
import { connectorControl } from './connector-control';
import { type CaptureConnector, type ConnectorHealth, type ExpectedSettings } from './connector';
import { schemaHistoryTopic, type KafkaStreamOptions } from './options';
import { cleanedUp } from './cleaned-up';
import { OpenedOnce } from './opened-once';
import { eventsBehind, gapsOf } from './partition-gaps';
import { kafkaMark, kafkaMoment, type Ends } from './progress';
import { Reading, type ReadingSettings } from './reading';
import { refusalsOf } from './refusals';
import { sharedLook } from './shared-look';
import { TopicBudget } from './topic-budget';
import { ensureTopics, parseTableId, partitionName } from './topics';

/**
 * Change events that a Debezium connector captures and Kafka carries; any number of streamers of a pipeline share the
 * partitions. Connects to Kafka and to Kafka Connect when they are needed; what then cannot be is a classified `ElstreamError`.
 */
export function createKafkaStream(options: KafkaStreamOptions): Promise<ChangeStream> {
  const logger = options.logger ?? silentLogger;
  const client = new OpenedOnce(() => openKafka({ ...options.kafka, logger }));
  return Promise.resolve(new KafkaStream(options, client, options.connector ?? connectConnector(options, logger), logger));
}

const WAIT_MS = 1_000;

class KafkaStream implements ChangeStream {
  readonly gapless = true;
  readonly connector?: ConnectorControl;
  private readonly closing = new AbortController();
  /** Many wait at once, and for every look Connect starts a consumer that reads its topic of offsets from the beginning. */
  private readonly delivered = sharedLook(() => this.capturing.committed());
  private readonly budget: TopicBudget;
  /** Of the tables prepared or read last: what the connector's settings ought to be. */
  private plan: { readonly config: ConnectorPlan['config']; readonly tables: readonly string[] } | null = null;

  constructor(
    private readonly options: KafkaStreamOptions,
    private readonly client: OpenedOnce,
    private readonly capturing: CaptureConnector,
    private readonly logger: Logger,
  ) {
    const { name, operate } = capturing;
    this.budget = new TopicBudget(() => client.get(), options.clock ?? systemClock);
    if (operate !== undefined) this.connector = connectorControl(name, { operate, plan: (tables) => capturing.plan(tables), captured: () => options.capture.status() });
  }

  /**
   * Topics, then what is captured, then the connector: it must never write to a topic that a broker made by itself, nor
   * begin before the publication lists its tables. Ends are read last, and before any row of the source is (R4).
   */
  async prepare(tables: readonly TableMapping[]): Promise<StreamStart> {
    const { capture } = this.options;
    const refusals = this.refusals(tables);
    if (refusals.length > 0) throw new ElstreamError('DEBEZIUM_COLUMNS', 'refuse', refusals.join('; '));
    const plan = this.planned(tables);
    const client = await this.client.get();
    const misfits = await ensureTopics(client, plan, tables.map(({ source }) => source), this.options.topics);
    for (const misfit of misfits) this.logger.warn({}, misfit);
    // It would take up a new slot at its old offset, or make the slot's place uncertain.
    if ((await capture.status()).state !== 'ready') await this.capturing.halt();
    const made = await capture.prepare(tables);
    const created = await this.capturing.prepare(plan, made.created, () => capture.raiseCounter());
    const { tables: ofTables, counter, notifications } = plan.topics;
    const offsets = await client.offsetsOf([...ofTables, counter, ...(notifications === null ? [] : [notifications])]);
    const starts = [...offsets].flatMap(([topic, partitions]) => partitions.map(({ partition, end }) => [partitionName({ topic, partition }), StreamOffset.kafka(end)] as const));
    return { offsets: new Map(starts), identity: made.identity, created: made.created || created };
  }

  refusals(tables: readonly TableMapping[]): readonly string[] {
    return tables.length === 0 ? [] : refusalsOf(tables, this.capturing.plan(tables));
  }

  async consume(options: ConsumeOptions): Promise<void> {
    const { mappings } = options;
    const signal = AbortSignal.any([options.signal, this.closing.signal]);
    while (mappings().size === 0 && !signal.aborted) await sleep(WAIT_MS, signal);
    if (signal.aborted) return;
    const plan = this.planned([...mappings().values()]);
    const { capture, groupId, pipeline, limits = {} } = this.options;
    const starts = await this.starts(plan);
    const reading = new Reading(
      {
        client: await this.client.get(),
        groupId,
        pipeline,
        counter: { ...capture.counter, topic: plan.topics.counter },
        form: { connector: plan.connector, handling: plan.handling },
        topicOf: ({ source }) => this.topicOf(source),
        starts,
        // Its first partition is not assigned but by another joining of the group.
        awaited: starts === null ? plan.topics.notifications : null,
        passedOver: await this.existing(await this.capturedTopics()),
        limits: { batchBytes: 4 << 20, batchEvents: 10_000, fetchBytes: 16 << 20, concurrency: 4, sessionTimeoutMs: 30_000, ...limits },
        logger: this.logger,
      },
      { ...options, signal },
    );
    await reading.run();
  }

  /** The slot's position is read before the connector's, which only grows: above it then means that somebody else moved the slot. */
  async status(checkpoints: readonly Checkpoint[]): Promise<CaptureStatus> {
    const capture = await this.options.capture.status();
    const captured = await this.options.capture.captured();
    const health = await this.capturing.health(captured === null ? null : this.expected(captured), capture.raised ?? null);
    const { retainedBytes } = capture;
    const trouble = health.trouble ?? capture.trouble ?? (capture.state === 'ready' ? await this.shortBudget(health) : null);
    const none: CaptureStatus = { state: 'ready', gap: null, partitionGaps: [], trouble, retainedBytes, eventsBehind: null };
    if (capture.state !== 'ready') return { ...none, state: capture.state, gap: capture.reason ?? 'what the connector captures from is gone at the source' };
    if (captured === null) return { ...none, state: 'missing', gap: 'the publication at the source is gone' };
    if (!health.exists) return { ...none, state: 'missing', gap: `the connector ${this.capturing.name} does not exist in Kafka Connect` };
    const ofTables = this.tablesByTopic(captured);
    // Of all tables, as the counter's: a start that is not looked into. A pipeline that was prepared before there were any has no checkpoint of it.
    const topics = new Map([...ofTables, [notificationsTopic(this.options.topicPrefix), ofTables.get(this.counterTopic) ?? []]]);
    const ends = await (await this.client.get()).offsetsOf(topics.keys());
    const partitionGaps: readonly PartitionGap[] = gapsOf(checkpoints, ends, (topic) => topics.get(topic) ?? []);
    return { ...none, trouble: trouble ?? (await this.budget.trouble(checkpoints, ends)), gap: this.gapOf(health, capture.confirmed, checkpoints), partitionGaps, eventsBehind: eventsBehind(checkpoints, ends) };
  }

  /** Everything published has to be in the connector's list. Keys are compared where this process knows the mappings of these very tables. */
  private expected(captured: ReadonlySet<string>): ExpectedSettings | null {
    const { plan } = this;
    if (plan !== null && plan.tables.length === captured.size && plan.tables.every((id) => captured.has(id))) return { config: plan.config, complete: true };
    if (captured.size === 0) return null;
    const bare = [...captured].map((id): TableMapping => ({ id, source: parseTableId(id), target: parseTableId(id), columns: [], key: [], chunkRows: 1 }));
    return { config: this.capturing.plan(bare).config, complete: false };
  }

  private planned(tables: readonly TableMapping[]): ConnectorPlan {
    const plan = this.capturing.plan(tables);
    this.plan = { config: plan.config, tables: tables.map(({ id }) => id) };
    return plan;
  }

  /** Null also where it was prepared before there were any. */
  private async starts({ topics: { notifications } }: ConnectorPlan): Promise<ReadingSettings['starts']> {
    const { capture } = this.options;
    if (notifications === null || (await this.existing([notifications])).length === 0) return null;
    return { topic: notifications, companions: capture.companions?.bind(capture) };
  }

  private async shortBudget({ committed }: ConnectorHealth): Promise<string | null> {
    const known = committed !== null && !committed.position.equals(LogPosition.ZERO);
    return known ? ((await this.options.capture.budget?.(committed.position)) ?? null) : null;
  }

  private gapOf({ gap, committed, confirmable }: ConnectorHealth, confirmed: LogPosition | null, checkpoints: readonly Checkpoint[]): string | null {
    if (gap !== null) return gap;
    if (committed === null) return checkpoints.length === 0 ? null : `the connector ${this.capturing.name} has no offset in Kafka Connect any more: where it went on is not known`;
    if (confirmed === null) return null;
    if (this.options.capture.endpoint.connector === 'sqlserver') return cleanedUp(committed, confirmed, this.capturing.name);
    if (confirmable === null || confirmed.toBigInt() <= confirmable) return null;
    return `the replication slot stands at ${confirmed.hex}, beyond what the connector ${this.capturing.name} has delivered (${confirmable.toString(16).padStart(16, '0')}): somebody else moved it, or the connector's offset is an old one`;
  }

  async mark(position: LogPosition): Promise<StreamMark | null> {
    const committed = await this.delivered();
    if (committed === null || !hasPassed(committed, position)) return null;
    // Only then: see `kafkaMark`.
    const ends = await this.ends();
    return ends === null ? null : kafkaMark(position, ends, { connector: this.options.capture.endpoint.connector, topicOf: (table) => this.topicOf(parseTableId(table)) });
  }

  async moment(position: LogPosition, table: string): Promise<StreamMoment> {
    const { connector } = this.options.capture.endpoint;
    return kafkaMoment(position, connector === 'sqlserver' ? [] : await (await this.client.get()).offsets(this.topicOf(parseTableId(table))), connector);
  }

  revive(): Promise<void> {
    return this.capturing.revive();
  }

  captured(): Promise<ReadonlySet<string> | null> {
    return this.options.capture.captured();
  }

  /** Of PostgreSQL twice: a commit counts as delivered only with a record of the next one. */
  async raiseCounter(): Promise<void> {
    const { capture } = this.options;
    await capture.raiseCounter();
    if (capture.endpoint.connector === 'postgresql') await capture.raiseCounter();
  }

  retainedBytes(): Promise<number | null> {
    return this.options.capture.retainedBytes();
  }

  /** Connect is not asked, not even to stop the connector: it may be away, and the preparation that answers the gap does so. */
  release(): Promise<void> {
    return this.options.capture.drop();
  }

  /**
   * The connector first: it could make its slot anew. Without Connect the source is freed all the same.
   * The topics stay unless the settings say otherwise: others may read them, and they end by their retention.
   */
  async drop(): Promise<void> {
    const topics = await this.capturedTopics();
    const [removed] = await Promise.allSettled([this.capturing.drop()]);
    await this.options.capture.drop();
    if (removed.status === 'rejected') throw removed.reason;
    if (this.options.topics.dropWithPipeline !== true) return;
    const { topicPrefix } = this.options;
    const there = await this.existing([...topics, `__debezium-heartbeat.${topicPrefix}`, notificationsTopic(topicPrefix), topicPrefix, schemaHistoryTopic(this.options)]);
    if (there.length > 0) await (await this.client.get()).deleteTopics(there);
  }

  async close(): Promise<void> {
    if (this.closing.signal.aborted) return;
    this.closing.abort();
    await Promise.all([this.client.close(), this.options.capture.close()]);
  }

  private topicOf(table: TableName): string {
    const { connector, database } = this.options.capture.endpoint;
    return topicOf({ connector, topicPrefix: this.options.topicPrefix, database }, table);
  }

  private get counterTopic(): string {
    const { schema, table } = this.options.capture.counter;
    return this.topicOf({ schema, name: table });
  }

  /** Topic → tables whose events are missing when it has a gap; of the counter's: all. */
  private tablesByTopic(captured: ReadonlySet<string>): ReadonlyMap<string, readonly string[]> {
    const tables = [...captured].map((id) => [this.topicOf(parseTableId(id)), [id]] as const).filter(([topic]) => topic !== this.counterTopic);
    return new Map<string, readonly string[]>([...tables, [this.counterTopic, tables.flatMap(([, ids]) => ids)]]);
  }

  private async capturedTopics(): Promise<readonly string[]> {
    const captured = await this.options.capture.captured();
    return captured === null ? [] : [...this.tablesByTopic(captured).keys()];
  }

  private async existing(topics: readonly string[]): Promise<string[]> {
    const there = new Set(await (await this.client.get()).listTopics());
    return topics.filter((topic) => there.has(topic));
  }

  /** Null: a topic is missing, or capture. */
  private async ends(): Promise<Ends | null> {
    const topics = await this.capturedTopics();
    // Also that all starts of the connector up to here have been looked into; of a pipeline that was prepared before there were any, none is told.
    const ends = await (await this.client.get()).offsetsOf([...topics, notificationsTopic(this.options.topicPrefix)]);
    return topics.length > 0 && topics.every((topic) => ends.has(topic)) ? ends : null;
  }
}

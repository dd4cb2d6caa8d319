import { type CaptureSource, type ConsumeOptions, type PartitionGap } from '@elstream/change-stream';
import { ElstreamError, StreamOffset, sleep, type ChangeEvent, type EventBatch, type Logger, type TableMapping } from '@elstream/core';
import { cutBatches, wholeBatch, type BatchLimits } from './batches';
import { type KafkaClient } from './client';
import { type BatchVerdict, type KafkaBatch, type KafkaConsumer, type KafkaGap, type KafkaPartition, type KafkaRecord } from './consumer';
import { isMadeAnew } from './made-anew';
import { type PartitionOffsets } from './offset-reader';
import { gapOf, madeAnewGap, offsetOf } from './partition-gaps';
import { CounterDecoder, TableDecoder, type Form, type Place } from './record-events';
import { eventsOfStart, isStart } from './resumption';
import { partitionName } from './topics';

/** What one reading is made of. */
export interface ReadingSettings {
  readonly client: KafkaClient;
  readonly groupId: string;
  readonly pipeline: string;
  readonly counter: { readonly schema: string; readonly table: string; readonly topic: string };
  readonly form: Form;
  readonly topicOf: (mapping: TableMapping) => string;
  /** Where the connector writes that it begins (`resumption.ts`); null: it does not. */
  readonly starts: { readonly topic: string; readonly companions: CaptureSource['companions'] } | null;
  /** A topic that is to be read as well once it is there; null: none. */
  readonly awaited: string | null;
  /** Topics to read at least: those of captured tables that are not mapped (any more) are counted and passed over, so that marks come past them. */
  readonly passedOver: readonly string[];
  readonly limits: BatchLimits & { readonly fetchBytes: number; readonly partitionFetchBytes?: number; readonly concurrency: number; readonly sessionTimeoutMs: number };
  readonly logger: Logger;
}

/** How often the mapped tables, and the starts of partitions that had none, are asked for while nothing arrives. */
const LOOK_MS = 1_000;
const AGAIN_MS = 5_000;

/** One membership in the group. */
export class Reading {
  private readonly ended = new AbortController();
  private failure: { readonly error: unknown } | null = null;
  private readonly subscribed: ReadonlySet<string>;
  private readonly places = new Map<string, Place>();
  /** By mapping: `mappings` gives the same objects again as long as nothing changes. */
  private readonly decoders = new WeakMap<TableMapping, TableDecoder>();
  private readonly counter: CounterDecoder;
  private consumer: KafkaConsumer | null = null;
  private readonly unread = new Map<string, KafkaPartition>();

  constructor(
    private readonly settings: ReadingSettings,
    private readonly options: ConsumeOptions,
  ) {
    this.subscribed = new Set([settings.counter.topic, ...(settings.starts === null ? [] : [settings.starts.topic]), ...this.mapped().keys(), ...settings.passedOver]);
    this.counter = new CounterDecoder(settings.pipeline, settings.counter, settings.form);
  }

  async run(): Promise<void> {
    const { signal: outer } = this.options;
    for (const mapping of this.options.mappings().values()) this.decoderOf(mapping);
    if (outer.aborted) return;
    const end = (): void => this.ended.abort();
    outer.addEventListener('abort', end, { once: true });
    try {
      this.consumer = await this.join();
      if (!this.ended.signal.aborted) this.options.opened?.();
      await this.untilEnded();
    } finally {
      outer.removeEventListener('abort', end);
      this.ended.abort();
      // Within five seconds, whatever the handlers in hand do (R12): the signal of theirs is aborted.
      await this.consumer?.close();
    }
    if (this.failure !== null) throw this.failure.error;
  }

  private join(): Promise<KafkaConsumer> {
    const { client, groupId, limits } = this.settings;
    return client.consume({
      groupId,
      topics: [...this.subscribed],
      producersOf: new Set(this.settings.starts === null ? [] : [this.settings.starts.topic]),
      startAt: (at) => this.startAt(at),
      onBatch: (batch) => this.onBatch(batch),
      onGap: (gap) => void this.onGap(gap),
      onFailure: (error) => this.fail(error),
      concurrency: limits.concurrency,
      partitionBytes: limits.partitionFetchBytes ?? Math.min(limits.batchBytes, limits.fetchBytes),
      fetchBytes: limits.fetchBytes,
      sessionTimeoutMs: limits.sessionTimeoutMs,
    });
  }

  private async untilEnded(): Promise<void> {
    const { signal } = this.ended;
    const { awaited, client } = this.settings;
    for (let looks = 1; !signal.aborted; looks += 1) {
      await sleep(LOOK_MS, signal);
      if (signal.aborted || this.wantsOthers()) return;
      if (looks % (AGAIN_MS / LOOK_MS) !== 0) continue;
      if (awaited !== null && (await client.listTopics()).includes(awaited)) return;
      const again = [...this.unread.values()];
      this.unread.clear();
      for (const at of again) this.consumer?.again(at);
    }
  }

  private fail(error: unknown): void {
    this.failure ??= { error };
    this.ended.abort();
  }

  /** Topic → the table mapped to it. */
  private mapped(): Map<string, TableMapping> {
    const mapped = new Map<string, TableMapping>();
    for (const mapping of this.options.mappings().values()) {
      const topic = this.settings.topicOf(mapping);
      const other = mapped.get(topic);
      if (other !== undefined) throw new ElstreamError('CONNECTOR_PLAN', 'refuse', `${other.id} and ${mapping.id} share the topic ${topic}; leave one of them to another pipeline`, { place: { table: mapping.id } });
      mapped.set(topic, mapping);
    }
    return mapped;
  }

  private wantsOthers(): boolean {
    return [...this.mapped().keys()].some((topic) => !this.subscribed.has(topic));
  }

  private async startAt(at: KafkaPartition): Promise<bigint | null> {
    const name = partitionName(at);
    this.unread.delete(name);
    const start = await this.options.start(name);
    if (start === null) {
      this.unread.set(name, at);
      return null;
    }
    const partitions = await this.settings.client.offsets(at.topic);
    const gap = await this.madeAnew(at, offsetOf(start), partitions);
    if (gap !== null) {
      this.settings.logger.warn({ partition: name, expected: String(offsetOf(start)), next: String(offsetOf(gap.next)) }, 'the topic of a partition was made anew, or lost its end');
      await this.options.onGap(gap);
      // Else it is looked at again in a while: somebody else has moved it, or is about to.
      if (!this.ended.signal.aborted && (await this.options.start(name))?.equals(start) === false) return this.startAt(at);
      this.unread.set(name, at);
      return null;
    }
    this.places.set(name, { partition: at.partition, partitions: partitions.length, last: null });
    return offsetOf(start);
  }

  private async madeAnew(at: KafkaPartition, next: bigint, partitions: readonly PartitionOffsets[]): Promise<PartitionGap | null> {
    const { client, form, starts } = this.settings;
    const name = partitionName(at);
    const applied = this.options.applied?.(name) ?? null;
    const range = partitions.find(({ partition }) => partition === at.partition);
    // What lies before the log the consumer tells. What lies behind it is told at once: until the consumer looks, it may have grown up to there.
    if (range === undefined || next < range.first) return null;
    if (next > range.end) return gapOf(name, next, range, this.tablesOf(at));
    if (applied === null) return null;
    const isOther = await isMadeAnew(at, { client, connector: form.connector, range, next, applied, timedByLog: at.topic === starts?.topic });
    return isOther ? madeAnewGap(name, next, range, this.tablesOf(at)) : null;
  }

  private async onBatch(fetched: KafkaBatch): Promise<BatchVerdict> {
    const { signal } = fetched;
    const place = this.places.get(partitionName(fetched));
    if (place === undefined) return 'again';
    let mappings = this.mapped();
    const decode = (record: KafkaRecord): ChangeEvent | null => this.eventOf(fetched.topic, record, place, mappings);
    const batches: Iterable<EventBatch> = fetched.topic === this.settings.starts?.topic ? [wholeBatch(fetched, await this.startsOf(fetched, mappings))] : cutBatches(fetched, place, decode, this.settings.limits);
    for (const batch of batches) {
      if (this.ended.signal.aborted || signal.aborted) return 'stop';
      const outcome = await this.options.onBatch(batch, AbortSignal.any([signal, this.ended.signal]));
      if (outcome === 'end') this.ended.abort();
      if (outcome === 'end') return 'stop';
      if (outcome === 'lost') return 'again';
      if (!signal.aborted) this.consumer?.note(fetched, offsetOf(batch.next));
      if (this.wantsOthers()) {
        this.ended.abort();
        return 'stop';
      }
      mappings = this.mapped();
    }
    return undefined;
  }

  private async startsOf(fetched: KafkaBatch, mapped: ReadonlyMap<string, TableMapping>): Promise<readonly ChangeEvent[]> {
    const { client, groupId, form, counter, starts, passedOver } = this.settings;
    const looking = { client, groupId, topics: [...new Set([counter.topic, ...mapped.keys(), ...passedOver])], signal: AbortSignal.any([fetched.signal, this.ended.signal]) };
    const events: ChangeEvent[] = [];
    for (const record of fetched.records.filter(isStart)) events.push(...(await eventsOfStart({ looking, form, companions: starts?.companions, mapped }, { ...record, topic: fetched.topic, partition: fetched.partition })));
    return events;
  }

  private eventOf(topic: string, record: KafkaRecord, place: Place, mappings: ReadonlyMap<string, TableMapping>): ChangeEvent | null {
    if (topic === this.settings.counter.topic) return this.counter.event(record, place);
    const mapping = mappings.get(topic);
    return mapping === undefined ? null : this.decoderOf(mapping).event(record, place);
  }

  private decoderOf(mapping: TableMapping): TableDecoder {
    const known = this.decoders.get(mapping);
    if (known !== undefined) return known;
    let told = false;
    const decoder = new TableDecoder(mapping, this.settings.form, (table) => {
      if (!told) this.options.reshaped?.(table);
      told = true;
    });
    this.decoders.set(mapping, decoder);
    return decoder;
  }

  /** Whose events are missing where the partition has a gap. */
  private tablesOf({ topic }: KafkaPartition): readonly string[] {
    const { counter, starts } = this.settings;
    const mappings = this.options.mappings();
    // Of a start of the connector that is not looked into, any table may lack rows.
    return topic === counter.topic || topic === starts?.topic ? [...mappings.keys()] : [...mappings.values()].filter((mapping) => this.settings.topicOf(mapping) === topic).map(({ id }) => id);
  }

  private async onGap({ expected, logStart, end, ...at }: KafkaGap): Promise<void> {
    const name = partitionName(at);
    const gap = gapOf(name, expected, { first: logStart, end }, this.tablesOf(at));
    this.settings.logger.warn({ partition: name, expected: String(expected), logStart: String(logStart), end: String(end) }, 'offsets of a partition are gone from the log');
    try {
      if (gap !== null) await this.options.onGap(gap);
    } catch (error) {
      this.fail(error);
      return;
    }
    // Where the checkpoint did not move: not in a circle at full speed.
    if (gap !== null && !this.ended.signal.aborted && (await this.options.start(name))?.equals(StreamOffset.kafka(expected)) === true) await sleep(LOOK_MS, this.ended.signal);
    if (!this.ended.signal.aborted) this.consumer?.again(at);
  }
}


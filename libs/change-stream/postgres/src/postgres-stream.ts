import { DIRECT_PARTITION, ElstreamError, StreamOffset, systemClock, type Checkpoint, type Clock, type EventBatch, type Logger, type LogPosition, type TableMapping } from '@elstream/core';
import { consumeDirect, directMark, directMoment, type CaptureStatus, type ChangeStream, type ConsumeOptions, type DirectSource, type ReadOptions, type StreamMark, type StreamMoment, type StreamStart } from '@elstream/change-stream';
import { connectPostgres, onDatabase, readSourceIdentity, type PostgresConnection } from '@elstream/database';
import { type DataSource } from 'typeorm';
import { readBatches, type BatchLimits } from './batch-reader';
import { catalogConnection } from './catalog-connection';
import { partitionCatalog } from './partition-catalog';
import { alignPublication, dropPublication, hasPublication, publishedTables } from './publication';
import { RelationRouter } from './relation-router';
import { gapBelow } from './slot-gap';
import { createSlot, dropSlot, readSlot, retainedBy } from './slot';
import { slotBusy } from './slot-errors';
import { TransactionAssembler } from './transaction-assembler';
import { Walsender } from './walsender';

export interface PostgresStreamOptions {
  /** `postgres://user:password@host:port/database`; the role needs REPLICATION and CREATE on the database. Never logged. */
  readonly url: string;
  /** Shown in pg_stat_activity; also how `drop` knows a reader of ours. */
  readonly applicationName: string;
  /** Both derived from the pipeline, so that no two pipelines share one. */
  readonly slotName: string;
  readonly publicationName: string;
  /** Prefix of the logical messages that carry the pipeline's counter. */
  readonly counterPrefix: string;
  /** Most events in a batch; default 10,000. A TRUNCATE of many tables may overshoot. */
  readonly maxBatchEvents?: number;
  /** About the most memory of a batch, bytes; default 4 MiB. One event may overshoot. As much again is buffered twice. */
  readonly maxBatchBytes?: number;
  /** How long a batch that is not full waits for more, ms; default 20. */
  readonly lingerMs?: number;
  /** Time between status updates to the server, ms; default 10,000; at most a third of wal_sender_timeout is used. */
  readonly statusIntervalMs?: number;
  /** How long this process may be silent before the server lets another read, ms; default: the server's wal_sender_timeout, which is the most in any case. */
  readonly silenceMs?: number;
  /** How long the creation of the slot may wait for running transactions, ms; default 60,000. */
  readonly slotTimeoutMs?: number;
  readonly connectTimeoutMs?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

const EMPTY_BATCH_MS = 1_000;

/**
 * Change events directly from a logical replication slot (pgoutput) of PostgreSQL 14 or later. Connects at once, for
 * the catalog; the replication connection is opened by `read`. Throws a classified `ElstreamError`.
 */
export async function createPostgresStream(options: PostgresStreamOptions): Promise<PostgresStream> {
  return PostgresStream.connect(options);
}

export class PostgresStream implements ChangeStream, DirectSource {
  private reader: Walsender | null = null;
  private opening = false;
  private closed = false;
  private readonly router: RelationRouter;
  private readonly logger: Logger;

  private constructor(
    private readonly options: PostgresStreamOptions,
    private readonly connection: PostgresConnection,
    private readonly dataSource: DataSource,
  ) {
    this.logger = connection.logger;
    this.router = new RelationRouter(partitionCatalog(dataSource), this.logger);
  }

  static async connect(options: PostgresStreamOptions): Promise<PostgresStream> {
    const connection = catalogConnection(options, 2);
    return new PostgresStream(options, connection, await connectPostgres(connection));
  }

  /** The most the frame queue of the present reader ever held, bytes. */
  get peakBufferedBytes(): number {
    return this.reader?.queue.peakBytes ?? 0;
  }

  /**
   * Publication first, slot second: a change decoded before its publication existed cannot be had. So a slot that
   * survived its publication, or was invalidated, is made anew, and the caller told (`created`).
   */
  async prepare(tables: readonly TableMapping[]): Promise<StreamStart> {
    const { slotName, publicationName, slotTimeoutMs = 60_000 } = this.options;
    const before = await readSlot(this.dataSource, slotName);
    if (before !== null && !before.ours) {
      throw new ElstreamError('SLOT_FOREIGN', 'refuse', `replication slot ${slotName} belongs to another database or plugin; drop it or give the pipeline another name`);
    }
    const usable = before !== null && !before.lost && before.confirmed !== null && (await hasPublication(this.dataSource, publicationName));
    if (before !== null && !usable) {
      // Before anything else: a slot found with a publication is believed to have had it all along.
      this.logger.warn({ slot: slotName, lost: before.lost }, 'the slot cannot deliver without a gap and is made anew');
      await dropSlot(this.dataSource, slotName);
    }
    const changed = await alignPublication(this.dataSource, publicationName, tables);
    if (changed.entered.length + changed.left.length > 0) {
      this.logger.info({ publication: publicationName, entered: changed.entered.join(', '), left: changed.left.join(', ') }, 'publication changed');
    }
    const identity = await readSourceIdentity(this.dataSource, this.connection);
    if (usable) return { offsets: startAt(before.confirmed), identity, created: false };
    const start = Date.now();
    const position = await createSlot(this.dataSource, slotName, slotTimeoutMs);
    this.logger.info({ slot: slotName, ms: Date.now() - start }, 'replication slot created');
    return { offsets: startAt(position), identity, created: true };
  }

  async *read(read: ReadOptions): AsyncGenerator<EventBatch, void> {
    const walsender = await this.open(read);
    if (walsender === null) return;
    const stop = (): void => void walsender.close();
    read.signal.addEventListener('abort', stop, { once: true });
    try {
      if (read.signal.aborted || this.closed) return;
      read.opened?.();
      const assembler = new TransactionAssembler({ from: read.from, router: this.router, counterPrefix: this.options.counterPrefix, ...(read.reshaped === undefined ? {} : { reshaped: read.reshaped }) });
      yield* readBatches({ source: walsender, assembler, mappings: read.mappings, limits: this.limits(), clock: this.clock });
    } finally {
      read.signal.removeEventListener('abort', stop);
      await walsender.close();
      if (this.reader === walsender) this.reader = null;
    }
  }

  consume(options: ConsumeOptions): Promise<void> {
    return consumeDirect(this, options);
  }

  /** Only this is ever told to the source. Never goes back. */
  acknowledge(offset: StreamOffset): void {
    // Without a reader nothing is lost: the next one starts by confirming its `from`.
    this.reader?.confirm(offset.splitDirect().position);
  }

  async captured(): Promise<ReadonlySet<string> | null> {
    return publishedTables(this.dataSource, this.options.publicationName);
  }

  mark(position: LogPosition): Promise<StreamMark> {
    return Promise.resolve(directMark(position));
  }

  moment(position: LogPosition): Promise<StreamMoment> {
    return Promise.resolve(directMoment(position));
  }

  /** A connection that breaks is opened again by whoever reads. */
  async revive(): Promise<void> {}

  async raiseCounter(next: () => Promise<bigint>): Promise<void> {
    const value = await next();
    await onDatabase(this.dataSource, (sql) => sql.query('SELECT pg_logical_emit_message(true, $1, $2::text)', [this.options.counterPrefix, value.toString()]));
  }

  async status(checkpoints: readonly Checkpoint[]): Promise<CaptureStatus> {
    const slot = await readSlot(this.dataSource, this.options.slotName);
    // From 18 on a server goes on without a publication and only warns: changes would be missing in silence.
    const captured = slot?.ours === true && (await hasPublication(this.dataSource, this.options.publicationName));
    const health = { partitionGaps: [], trouble: null, eventsBehind: null };
    if (slot === null || !captured) return { ...health, state: 'missing', gap: 'the replication slot or the publication at the source is gone', retainedBytes: null };
    const { retainedBytes } = slot;
    if (slot.lost) return { ...health, state: 'lost', gap: 'the replication slot at the source has lost its log (the server removed it)', retainedBytes };
    return { ...health, state: 'ready', gap: gapBelow(slot.confirmed, checkpoints), retainedBytes };
  }

  async retainedBytes(): Promise<number> {
    return retainedBy(await readSlot(this.dataSource, this.options.slotName));
  }

  release(): Promise<void> {
    return this.drop();
  }

  /** Everything below was acknowledged; null: there is no slot. */
  async confirmed(): Promise<StreamOffset | null> {
    const slot = await readSlot(this.dataSource, this.options.slotName);
    return slot?.ours === true && slot.confirmed !== null ? StreamOffset.direct(slot.confirmed, 0) : null;
  }

  async drop(): Promise<void> {
    const { slotName, publicationName } = this.options;
    await this.reader?.close();
    const slot = await readSlot(this.dataSource, slotName);
    if (slot?.ours === true) await dropSlot(this.dataSource, slotName);
    await dropPublication(this.dataSource, publicationName);
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.reader?.close();
    await this.dataSource.destroy();
  }

  private async open({ from, signal }: ReadOptions): Promise<Walsender | null> {
    if (signal.aborted || this.closed) return null;
    if (this.opening || this.reader !== null) throw slotBusy(this.options.slotName, undefined);
    this.opening = true;
    try {
      this.reader = await Walsender.open({
        ...this.options,
        from: from.splitDirect().position,
        maxBufferedBytes: 2 * this.limits().maxBatchBytes,
        statusIntervalMs: this.options.statusIntervalMs ?? 10_000,
        connectTimeoutMs: this.connection.connectTimeoutMs,
        clock: this.clock,
        logger: this.logger,
      });
      return this.reader;
    } finally {
      this.opening = false;
    }
  }

  private limits(): BatchLimits {
    const { maxBatchEvents = 10_000, maxBatchBytes = 4 * 1024 * 1024, lingerMs = 20, statusIntervalMs = 10_000 } = this.options;
    return { maxBatchEvents, maxBatchBytes, lingerMs, emptyBatchMs: EMPTY_BATCH_MS, idleBatchMs: Math.max(EMPTY_BATCH_MS, statusIntervalMs) };
  }

  private get clock(): Clock {
    return this.options.clock ?? systemClock;
  }
}

function startAt(position: LogPosition): ReadonlyMap<string, StreamOffset> {
  return new Map([[DIRECT_PARTITION, StreamOffset.direct(position, 0)]]);
}

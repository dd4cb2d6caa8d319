import { ElstreamError, type ChangeEvent, type StreamOffset, type TransactionInfo } from '@elstream/core';
import { formatLsn } from '@elstream/database';
import { OffsetTracker } from './offset-tracker';
import { parsePgoutput, type PgoutputMessage, type Relation } from './pgoutput';
import { type Mappings, type RelationRouter } from './relation-router';
import { rowEvents } from './row-events';
import { parseWalFrame } from './standby-protocol';

/** Where events go as they are assembled: the batch in hand. */
export interface EventSink {
  /** @param bytes about what the event holds in memory */
  push(event: ChangeEvent, bytes: number): void;
}

export interface AssemblerOptions {
  readonly from: StreamOffset;
  readonly router: RelationRouter;
  /** Prefix of our own logical messages. */
  readonly counterPrefix: string;
  /** A table's columns are others than the mapping knows, or than they were. */
  readonly reshaped?: (table: string) => void;
}

/** Object and string headers of an event, roughly; the rest is twice the message (UTF-16 at worst). */
const EVENT_BYTES = 200;

/**
 * Replication frames → events with exact offsets. No I/O of its own but the router's catalog look-ups, which only
 * Relation and Truncate messages can need: those return a promise, all others are handled in the call.
 */
export class TransactionAssembler {
  private readonly tracker: OffsetTracker;
  private mappings: Mappings = new Map();
  /** A transaction ended since this was last set to false: worth telling the consumer even without events. */
  completed = false;

  constructor(private readonly options: AssemblerOptions) {
    this.tracker = new OffsetTracker(options.from);
  }

  get next(): StreamOffset {
    return this.tracker.next;
  }

  /** Grows whenever `next` does. */
  get moves(): number {
    return this.tracker.moves;
  }

  useMappings(mappings: Mappings): void {
    this.mappings = mappings;
  }

  /** @throws ElstreamError (stop) naming table and position for what cannot be decoded */
  handle(frame: Buffer, sink: EventSink): Promise<void> | undefined {
    try {
      const parsed = parseWalFrame(frame);
      if (parsed.kind === 'keepalive') {
        this.tracker.idleUpTo(parsed.end);
        return undefined;
      }
      const message = parsePgoutput(parsed.body);
      return this.dispatch(message, sink)?.catch((error: unknown) => {
        throw this.placed(error);
      });
    } catch (error) {
      throw this.placed(error);
    }
  }

  private dispatch(message: PgoutputMessage, sink: EventSink): Promise<void> | undefined {
    switch (message.kind) {
      case 'row':
        this.row(message, sink);
        return undefined;
      case 'begin':
        this.tracker.begin({ position: message.position, committedAtUs: message.committedAtUs });
        return undefined;
      case 'commit':
        this.tracker.commit(message.end);
        this.completed = true;
        return undefined;
      case 'relation':
        return this.learn(message.relation);
      case 'truncate':
        return this.truncate(message.relations, sink);
      case 'message':
        this.logicalMessage(message, sink);
        return undefined;
      case 'ignored':
        return undefined;
    }
    return message satisfies never;
  }

  private row(message: PgoutputMessage & { kind: 'row' }, sink: EventSink): void {
    const tx = this.transaction();
    // Dropped and unmapped rows are counted without being decoded.
    if (!this.tracker.pass()) return;
    const plan = this.options.router.planOf(message.relation, this.mappings);
    if (plan === null) return;
    for (const event of rowEvents(plan, message.op, message.tuples, tx)) sink.push(event, EVENT_BYTES + 2 * message.tuples.length);
  }

  /** Moves no offset: what came before a shape that does not fit can be delivered. */
  private async learn(relation: Relation): Promise<void> {
    const table = await this.options.router.learn(relation, this.mappings);
    if (table !== null) this.options.reshaped?.(table);
  }

  /** Counts once per relation. The look-up comes first, so that the count happens in one go with the events. */
  private async truncate(relations: readonly number[], sink: EventSink): Promise<void> {
    const tx = this.transaction();
    const truncated = await this.options.router.truncated(relations, this.mappings);
    for (const index of relations.keys()) {
      const mapping = truncated.get(index);
      if (this.tracker.pass() && mapping !== undefined) sink.push({ op: 'truncate', table: mapping.id, tx }, EVENT_BYTES);
    }
  }

  private logicalMessage(message: PgoutputMessage & { kind: 'message' }, sink: EventSink): void {
    // Others' messages outside a transaction come out of order with it and have no index.
    if (!message.transactional) return;
    const tx = this.transaction();
    if (!this.tracker.pass() || message.prefix !== this.options.counterPrefix) return;
    const text = message.content.toString('utf8');
    if (!/^-?[0-9]{1,20}$/.test(text)) throw new RangeError(`a counter message of ours that is no number (prefix ${message.prefix})`);
    sink.push({ op: 'counter', tx, value: BigInt(text), gapless: false }, EVENT_BYTES);
  }

  private transaction(): TransactionInfo {
    const { transaction } = this.tracker;
    if (transaction === null) throw new RangeError('a row outside a transaction');
    return transaction;
  }

  private placed(error: unknown): ElstreamError {
    const tx = this.tracker.transaction;
    const place = tx === null ? {} : { position: formatLsn(tx.position) };
    if (error instanceof ElstreamError) return new ElstreamError(error.code, error.recovery, error.message, { cause: error.options.cause, place: { ...place, ...error.place } });
    const message = error instanceof Error ? error.message : String(error);
    return new ElstreamError('STREAM_UNDECODABLE', 'stop', `the replication stream cannot be decoded: ${message}`, { cause: error, place });
  }
}

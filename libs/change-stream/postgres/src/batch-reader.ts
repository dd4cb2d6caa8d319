import { DIRECT_PARTITION, type ChangeEvent, type Clock, type EventBatch, type StreamOffset } from '@elstream/core';
import { type Mappings } from './relation-router';
import { type TransactionAssembler } from './transaction-assembler';

/** Where frames come from: a `Walsender`, or a list in tests. */
export interface FrameSource {
  take(): Buffer | undefined;
  /** Resolves when a frame can be taken, at the end, or after `ms` (null: no limit). Throws what broke the connection. */
  wait(ms: number | null): Promise<void>;
  readonly isClosed: boolean;
  /** Somebody waits for our position to move: do not hold it back. */
  readonly isUrgent: boolean;
}

export interface BatchLimits {
  readonly maxBatchEvents: number;
  readonly maxBatchBytes: number;
  /** How long a batch that is not full waits for more, ms. */
  readonly lingerMs: number;
  /** How long transactions without events of ours wait before an empty batch moves the checkpoint, ms. */
  readonly emptyBatchMs: number;
  /** The same where only the log moved on: other databases, unpublished tables, our own warehouse on this server. */
  readonly idleBatchMs: number;
}

export interface BatchReaderOptions {
  readonly source: FrameSource;
  readonly assembler: TransactionAssembler;
  readonly mappings: () => Mappings;
  readonly limits: BatchLimits;
  readonly clock: Clock;
}

/** How often an empty batch goes out while somebody waits for it, ms. */
const URGENT_BATCH_MS = 100;

/**
 * Frames → batches, pulled by the consumer: frames are decoded as a batch is asked for, so between pulls only the
 * bounded queue of frames holds memory. A batch may end in the middle of a transaction.
 */
export async function* readBatches(options: BatchReaderOptions): AsyncGenerator<EventBatch, void> {
  const { source, assembler } = options;
  let lastBatchAt = options.clock();
  while (!source.isClosed) {
    assembler.useMappings(options.mappings());
    assembler.completed = false;
    const batch = new BatchBuilder(assembler, options);
    const end = await fill(batch, lastBatchAt, options);
    if (end === 'closed') return;
    lastBatchAt = options.clock();
    yield batch.build();
    if (end !== 'full') throw end;
  }
}

/** `closed`: the source was, meanwhile. An error: the batch holds what came before it, and is worth delivering first. */
async function fill(batch: BatchBuilder, lastBatchAt: number, { source, assembler, limits, clock }: BatchReaderOptions): Promise<'full' | 'closed' | Error> {
  while (!batch.isFull) {
    const frame = source.take();
    if (frame !== undefined) {
      const lookup = assembler.handle(frame, batch);
      try {
        if (lookup !== undefined) await lookup;
      } catch (error) {
        // What needs a look-up moves no offset before it: the batch ends exactly there.
        if (batch.hasMoved && error instanceof Error) return error;
        throw error;
      }
      if (source.isClosed) return 'closed';
    }
    const dueAt = dueTime(batch, lastBatchAt, { source, assembler, limits });
    if (dueAt !== null && clock() >= dueAt) return 'full';
    if (frame !== undefined) continue;
    await source.wait(dueAt === null ? null : Math.max(1, dueAt - clock()));
    if (source.isClosed) return 'closed';
  }
  return 'full';
}

/** When a batch that is not full goes out; null: not before something more arrives. */
function dueTime(batch: BatchBuilder, lastBatchAt: number, { source, assembler, limits }: Pick<BatchReaderOptions, 'source' | 'assembler' | 'limits'>): number | null {
  if (batch.firstEventAt !== null) return batch.firstEventAt + limits.lingerMs;
  if (!batch.hasMoved) return null;
  if (source.isUrgent) return lastBatchAt + Math.min(URGENT_BATCH_MS, limits.emptyBatchMs);
  return lastBatchAt + (assembler.completed ? limits.emptyBatchMs : limits.idleBatchMs);
}

class BatchBuilder {
  private readonly events: ChangeEvent[] = [];
  private bytes = 0;
  firstEventAt: number | null = null;

  private readonly from: StreamOffset;
  private readonly movesBefore: number;

  constructor(
    private readonly assembler: TransactionAssembler,
    private readonly options: BatchReaderOptions,
  ) {
    this.from = assembler.next;
    this.movesBefore = assembler.moves;
  }

  get isFull(): boolean {
    const { maxBatchEvents, maxBatchBytes } = this.options.limits;
    return this.events.length >= maxBatchEvents || this.bytes >= maxBatchBytes;
  }

  push(event: ChangeEvent, bytes: number): void {
    this.firstEventAt ??= this.options.clock();
    this.events.push(event);
    this.bytes += bytes;
  }

  get hasMoved(): boolean {
    return this.assembler.moves !== this.movesBefore;
  }

  build(): EventBatch {
    return { partition: DIRECT_PARTITION, from: this.from, next: this.assembler.next, events: this.events, bytes: this.bytes };
  }
}

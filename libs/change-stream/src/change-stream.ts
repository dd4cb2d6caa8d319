import type { EventBatch, SourceIdentity, StreamOffset, TableMapping } from '@elstream/core';

export interface StreamStart {
  /** Where a new checkpoint begins, partition by partition: from here the log is whole. */
  readonly offsets: ReadonlyMap<number, StreamOffset>;
  readonly identity: SourceIdentity;
  /** True if capture had to be created now: an existing checkpoint then means a log gap (R3). */
  readonly created: boolean;
}

export interface ReadOptions {
  readonly partition: number;
  /** First offset not yet applied; what the source sends again below it is dropped exactly (R2). */
  readonly from: StreamOffset;
  /** Tables to decode, by id; others are counted in offsets and passed over. Asked again at every batch start. */
  readonly mappings: () => ReadonlyMap<string, TableMapping>;
  /** Called once the source delivers to this reader: from then on others are refused. */
  readonly opened?: () => void;
  /** Called with a table id when the log shows other columns than before, or than mapped: time to look at the catalog. Never throws. */
  readonly reshaped?: (table: string) => void;
  readonly signal: AbortSignal;
}

/** Health of capture at the source. */
export interface CaptureStatus {
  /** Slot (or connector) exists and can deliver from where we stand. */
  readonly state: 'ready' | 'missing' | 'lost';
  /** Bytes of log the source retains for us; null where unknown (R14). */
  readonly retainedBytes: number | null;
  /** Everything below is gone from the log or was acknowledged by somebody; compare with the checkpoint (R3b). */
  readonly confirmed: StreamOffset | null;
}

/**
 * Where change events come from, in order per partition. One reader per partition; a second one is refused with a
 * `retry` error (`STREAM_BUSY`), which is how a standby waits for its turn.
 *
 * Order of calls: `prepare` → `read` (at most one per partition) with `acknowledge` as checkpoints become durable → `close`.
 */
export interface ChangeStream {
  readonly partitions: readonly number[];
  /**
   * Makes capture exist for exactly these tables and confirms that it runs (R4 step 0). Idempotent. A table enters
   * only after its replica identity was checked (R14): a table that would break the application's own updates is refused.
   */
  prepare(tables: readonly TableMapping[]): Promise<StreamStart>;
  /**
   * Batches from `from` on, each beginning where the last ended, bounded in events and bytes (R11): reading pauses
   * while the consumer works. Ends when `signal` aborts; throws `ElstreamError` (retry: connection; stop: e.g.
   * STREAM_SCHEMA_CHANGED with the table, once the batches before it are delivered). Mapped columns that the log does not
   * carry are unknown, others are left out; a single row that cannot be decoded, has no key, or is of a shape that fits
   * neither the mapping nor the source any more is a poison event in its place.
   */
  read(options: ReadOptions): AsyncIterable<EventBatch>;
  /** The warehouse checkpoint is durable up to `offset`; only this is ever told to the source. Never goes back. */
  acknowledge(partition: number, offset: StreamOffset): void;
  status(): Promise<CaptureStatus>;
  /** Ids of the tables whose changes capture takes up now. One that was dropped and made anew under its name is not among them. Null: capture itself is gone (`status`). */
  captured(): Promise<ReadonlySet<string> | null>;
  /** Removes what we created at the source (slot, publication). Idempotent. */
  drop(): Promise<void>;
  close(): Promise<void>;
}

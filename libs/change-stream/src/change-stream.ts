import type { ConnectorControl } from './connector-control';
import type { Checkpoint, EventBatch, LogPosition, SourceIdentity, StreamOffset, TableMapping } from '@elstream/core';

export interface StreamStart {
  /** Where a new checkpoint begins, partition by partition: from here the log is whole. */
  readonly offsets: ReadonlyMap<string, StreamOffset>;
  readonly identity: SourceIdentity;
  /** True if capture had to be created now: an existing checkpoint then means a log gap (R3). */
  readonly created: boolean;
}

/** `lost`: the checkpoint stands elsewhere, another process moved it. `end`: nothing more is wanted of this reading. */
export type BatchOutcome = 'applied' | 'lost' | 'end';

export interface ConsumeOptions {
  /** Tables to decode, by id; others are counted in offsets and passed over. Asked again at every batch start. */
  readonly mappings: () => ReadonlyMap<string, TableMapping>;
  /**
   * A partition has fallen to this process: where its checkpoint stands now. Asked before anything of it is read, and again
   * after `lost` and after a gap. What the source sends below is dropped exactly (R2). Null: the partition is not read.
   */
  readonly start: (partition: string) => Promise<StreamOffset | null>;
  /** What the checkpoint that `start` has just told of was moved over; null, or absent: nothing, or not known. */
  readonly applied?: (partition: string) => Applied | null;
  /**
   * Applies one batch: one of a partition at a time, each beginning where the last ended, of several partitions at once.
   * After `applied` its end is told to the source; nothing else ever is. What it throws ends the reading. `signal` aborts
   * when the partition may be another's.
   */
  readonly onBatch: (batch: EventBatch, signal: AbortSignal) => Promise<BatchOutcome>;
  /** Offsets of one partition can no longer be had. Asked for its `start` again when this resolves. */
  readonly onGap: (gap: PartitionGap) => Promise<void>;
  /** Called once the source delivers to this reader: from then on others are refused, or share the partitions with it. */
  readonly opened?: () => void;
  /** Called with a table id when the log shows other columns than before, or than mapped: time to look at the catalog. Never throws. */
  readonly reshaped?: (table: string) => void;
  readonly signal: AbortSignal;
}

/** What a checkpoint knows of the events it was moved over in its generation: one at least. */
export interface Applied {
  /** The highest of their positions. */
  readonly highest: LogPosition;
  /** No event that it was moved over, in this generation or before, committed later. */
  readonly committedAtUs: bigint;
}

/** Offsets of one partition that are gone from the log (R3 d). */
export interface PartitionGap {
  readonly partition: string;
  /** The offset that was wanted: where the checkpoint stood. */
  readonly expected: StreamOffset;
  /** The first offset from which the log is whole. */
  readonly next: StreamOffset;
  /** Whose events are missing. */
  readonly tables: readonly string[];
  /** For people. */
  readonly reason: string;
}

/** Health of capture at the source. */
export interface CaptureStatus {
  /** `missing`, `lost`: slot or connector does not exist, or can no longer deliver from where it stands. */
  readonly state: 'ready' | 'missing' | 'lost';
  /** Why the log of all tables does not continue from the checkpoints (R3 b), for people; null: it does. Never null unless `ready`. */
  readonly gap: string | null;
  /** Gaps of single partitions. */
  readonly partitionGaps: readonly PartitionGap[];
  /** What keeps capture from running although nothing is lost, with the remedy; null: nothing. */
  readonly trouble: string | null;
  /** Bytes of log the source retains for us; null where unknown (R14). */
  readonly retainedBytes: number | null;
  /** Events between the checkpoints and the end of the log; null where unknown. */
  readonly eventsBehind: bigint | null;
}

/** R4: what the stream must have applied to have passed a log position. */
export interface StreamMark {
  /** Given the checkpoints of the pipeline; one of a partition that is not among them is not reached. */
  reachedBy(checkpoints: readonly Checkpoint[]): boolean;
  /** No event of the table that committed at or below the log position has a commit position above this one. */
  bound(table: string): LogPosition;
}

/** R8: a moment against which versions are compared. */
export interface StreamMoment {
  /** Whether what the stream wrote at `position`, of this table, may have committed after the moment. */
  mayBeNewer(position: LogPosition): boolean;
}

/**
 * Where change events come from, in order per partition. Log positions are the source's; commit positions of events are
 * compared with each other only, unless `mark` and `moment` relate them to the source's log: for some streams they are
 * another kind of thing (DESIGN.md, R3).
 *
 * Order of calls: `prepare` → `consume` (one at a time) → `close`; everything else at any time.
 */
export interface ChangeStream {
  /** True where the counter's numbers never leave one out (`CounterEvent.gapless`): it is then raised also while nobody reads. */
  readonly gapless?: boolean;
  /** Present where a connector captures. */
  readonly connector?: ConnectorControl;
  /** Reasons why tables cannot be captured without loss, as sentences with the remedy; asked before anything is created. Absent: every table that can be mapped can. Pure. */
  refusals?(tables: readonly TableMapping[]): readonly string[];
  /**
   * Makes capture exist for exactly these tables and confirms that it runs (R4 step 0). Idempotent. A table enters
   * only after its replica identity was checked (R14): a table that would break the application's own updates is refused.
   */
  prepare(tables: readonly TableMapping[]): Promise<StreamStart>;
  /**
   * Delivers batches bounded in events and bytes (R11): reading pauses while the consumer works. A direct stream has one
   * reader, a second one is refused with a `retry` error (`STREAM_BUSY`), which is how a standby waits for its turn; of
   * Kafka every reader has some partitions, which may be none. Resolves when `signal` aborts, after `end`, where the tables
   * mapped ask for another reading, and (direct) after `lost`. Throws what `onBatch` threw, or
   * `ElstreamError` (retry: connection; stop: e.g. STREAM_SCHEMA_CHANGED with the table, once the batches before it are
   * delivered). Mapped columns that the log does not carry are unknown, others are left out; a single row that cannot be
   * decoded, has no key, or is of a shape that fits neither the mapping nor the source any more is a poison event in its place.
   */
  consume(options: ConsumeOptions): Promise<void>;
  /** Changes nothing. `checkpoints`: those that stand, of the whole pipeline. */
  status(checkpoints: readonly Checkpoint[]): Promise<CaptureStatus>;
  /** R14: bytes of log the source retains for us, asked of the source alone, whoever else is away; 0: none is. Null: unknown. */
  retainedBytes(): Promise<number | null>;
  /**
   * R14: removes from the source what makes it retain log, also from under our reader or connector, asking nobody but the
   * source. Idempotent. A connector is left without it, and fails or goes on elsewhere: the log gap is to be noted before.
   */
  release(): Promise<void>;
  /** Starts again what failed for a reason that passes; does nothing for a while after each try. */
  revive(): Promise<void>;
  /** Ids of the tables whose changes capture takes up now. One that was dropped and made anew under its name is not among them. Null: capture itself is gone (`status`). */
  captured(): Promise<ReadonlySet<string> | null>;
  /** Null as long as capture has not delivered everything that committed at or below `position`. A mark once given stays true until a log gap. */
  mark(position: LogPosition): Promise<StreamMark | null>;
  /** @param position the end of the source's log, read just before. Taken before the source read that is to be compared. */
  moment(position: LogPosition, table: string): Promise<StreamMoment>;
  /**
   * Writes a number into the source's log as a committed transaction of its own; moves an idle source on (R3 a, R4).
   *
   * @param next draws a number greater than all before; asked only where the source does not count by itself
   */
  raiseCounter(next: () => Promise<bigint>): Promise<void>;
  /** Removes what we created (connector; slot and publication at the source). Idempotent. Where a connector cannot be removed now the source is freed all the same, and that is thrown. */
  drop(): Promise<void>;
  close(): Promise<void>;
}

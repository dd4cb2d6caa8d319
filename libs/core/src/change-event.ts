import type { EventRow } from './column-type';
import type { LogPosition, StreamOffset } from './position';

/** The source transaction an event belongs to; one object shared by all its events. */
export interface TransactionInfo {
  /** Commit position: grows from transaction to transaction within a partition (R3). */
  readonly position: LogPosition;
  /** Commit time by the source's clock, microseconds since 1970-01-01 UTC; for lag and history, never for order. */
  readonly committedAtUs: bigint;
}

/** What all events of rows have. */
interface OfTable {
  readonly table: string;
  /**
   * R13: with op and key the event's identity, the same in a re-emission; lower-case hex (SQL Server: commit and change
   * LSN; PostgreSQL through Debezium: LSN and transaction id). Absent where nothing is ever emitted again (direct stream).
   */
  readonly change?: string;
}

interface OfRow extends OfTable {
  readonly tx: TransactionInfo;
  /** Cells follow the table's mapping; `undefined` is *unknown* (R6). */
  readonly row: EventRow;
  /**
   * Indices of cells that hold a character which capture also writes for what it could not read: the source is asked which it
   * is before the event is applied. Absent: none.
   */
  readonly doubtful?: readonly number[];
}

export interface InsertEvent extends OfRow {
  readonly op: 'insert';
}

export interface UpdateEvent extends OfRow {
  readonly op: 'update';
  /** The key before the update where it changed (bytewise), else null. */
  readonly oldKey: readonly string[] | null;
}

export interface DeleteEvent extends OfTable {
  readonly op: 'delete';
  readonly tx: TransactionInfo;
  readonly key: readonly string[];
}

export interface TruncateEvent extends OfTable {
  readonly op: 'truncate';
  readonly tx: TransactionInfo;
}

/** A number the pipeline wrote into the source's log; a missing one is a log gap, a late one is lag (R3, R4). */
export interface CounterEvent {
  readonly op: 'counter';
  readonly tx: TransactionInfo;
  readonly value: bigint;
  /** The number must follow the one before it: a missing one is a log gap (R3 a). False where numbers may be left out. */
  readonly gapless: boolean;
}

/**
 * What happened cannot be applied in order (R6: a truncate of a table whose rows lie in several partitions): the table is
 * to be preloaded again, which is noted in the batch's own transaction.
 */
export interface ReloadEvent {
  readonly op: 'reload';
  readonly table: string;
  readonly tx: TransactionInfo;
  /** For people; begins with `TRUNCATED` or `CAPTURE_RESUMED`. */
  readonly reason: string;
}

export const TRUNCATED = 'truncated';

/**
 * Code of a poison event that stands for a row of which capture, when it began again, may have left an event out; and how
 * the reason of a reload begins where it cannot be said which rows these are.
 */
export const CAPTURE_RESUMED = 'CAPTURE_RESUMED';

/** An event that cannot be decoded: its bytes and the reason go to dead letters (R7), in their place in the order. */
export interface PoisonEvent {
  readonly op: 'poison';
  readonly table: string;
  readonly tx: TransactionInfo;
  /** As far as it could be read. */
  readonly key: readonly string[] | null;
  readonly bytes: Uint8Array;
  readonly code: string;
  /** For people; no value in it but the key. */
  readonly reason: string;
}

export type RowEvent = InsertEvent | UpdateEvent | DeleteEvent | TruncateEvent;
export type ChangeEvent = RowEvent | CounterEvent | PoisonEvent | ReloadEvent;

/** Events of one partition in order, without holes: the next batch's `from` is this one's `next`. */
export interface EventBatch {
  readonly partition: string;
  readonly from: StreamOffset;
  readonly next: StreamOffset;
  readonly events: readonly ChangeEvent[];
  /** Approximate memory held, bytes. */
  readonly bytes: number;
}


import type { EventRow } from './column-type';
import type { LogPosition, StreamOffset } from './position';

/** The source transaction an event belongs to; one object shared by all its events. */
export interface TransactionInfo {
  /** Commit position: grows from transaction to transaction within a partition (R3). */
  readonly position: LogPosition;
  /** Commit time by the source's clock, microseconds since 1970-01-01 UTC; for lag and history, never for order. */
  readonly committedAtUs: bigint;
}

/** `row` cells follow the table's mapping; `undefined` is *unknown* (R6). */
export interface InsertEvent {
  readonly op: 'insert';
  readonly table: string;
  readonly tx: TransactionInfo;
  readonly row: EventRow;
}

export interface UpdateEvent {
  readonly op: 'update';
  readonly table: string;
  readonly tx: TransactionInfo;
  readonly row: EventRow;
  /** The key before the update where it changed (bytewise), else null. */
  readonly oldKey: readonly string[] | null;
}

export interface DeleteEvent {
  readonly op: 'delete';
  readonly table: string;
  readonly tx: TransactionInfo;
  readonly key: readonly string[];
}

export interface TruncateEvent {
  readonly op: 'truncate';
  readonly table: string;
  readonly tx: TransactionInfo;
}

/** A number the pipeline wrote into the source's log; a missing one is a log gap, a late one is lag (R3, R4). */
export interface CounterEvent {
  readonly op: 'counter';
  readonly tx: TransactionInfo;
  readonly value: bigint;
}

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
export type ChangeEvent = RowEvent | CounterEvent | PoisonEvent;

/** Events of one partition in order, without holes: the next batch's `from` is this one's `next`. */
export interface EventBatch {
  readonly partition: number;
  readonly from: StreamOffset;
  readonly next: StreamOffset;
  readonly events: readonly ChangeEvent[];
  /** Approximate memory held, bytes. */
  readonly bytes: number;
}


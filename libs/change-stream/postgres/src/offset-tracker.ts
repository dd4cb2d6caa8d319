import { StreamOffset, type LogPosition, type TransactionInfo } from '@elstream/core';

/**
 * Counts offsets through the transactions of the stream and says which events are ours to deliver (R2).
 *
 * The server starts at or before the slot's confirmed position, so it re-sends. A transaction that commits below
 * `from` is dropped whole; of the one that commits exactly there, events below `from`'s index. Indices count every
 * row-level message of a transaction as sent, those of unmapped tables too: the count then does not depend on what
 * we happen to map, and is the same each time the transaction is sent.
 */
export class OffsetTracker {
  private position: LogPosition;
  private index: number;
  private open: { readonly info: TransactionInfo; next: number } | null = null;

  /** Grows whenever `next` does. */
  moves = 0;

  constructor(from: StreamOffset) {
    ({ position: this.position, index: this.index } = from.splitDirect());
  }

  /** Offset of the next event not yet passed. */
  get next(): StreamOffset {
    return StreamOffset.direct(this.position, this.index);
  }

  get transaction(): TransactionInfo | null {
    return this.open?.info ?? null;
  }

  begin(info: TransactionInfo): void {
    if (this.open !== null) throw new RangeError('a transaction begins inside another');
    this.open = { info, next: 0 };
  }

  /** @param end end of the commit record: the next transaction can commit exactly there, so never `end + 1` */
  commit(end: LogPosition): void {
    if (this.open === null) throw new RangeError('a commit without a transaction');
    this.open = null;
    this.raise(end, 0);
  }

  /** Everything that commits below `end` was sent: moves on where no transaction is open. */
  idleUpTo(end: LogPosition): void {
    if (this.open === null) this.raise(end, 0);
  }

  /** Passes one row-level message of the open transaction. True: it is at or above `from`, deliver it. */
  pass(): boolean {
    if (this.open === null) throw new RangeError('a row outside a transaction');
    const index = this.open.next;
    this.open.next += 1;
    const { position } = this.open.info;
    const order = position.compare(this.position);
    if (order < 0 || (order === 0 && index < this.index)) return false;
    this.moveTo(position, index + 1);
    return true;
  }

  private raise(position: LogPosition, index: number): void {
    const order = position.compare(this.position);
    if (order < 0 || (order === 0 && index <= this.index)) return;
    this.moveTo(position, index);
  }

  private moveTo(position: LogPosition, index: number): void {
    this.position = position;
    this.index = index;
    this.moves += 1;
  }
}

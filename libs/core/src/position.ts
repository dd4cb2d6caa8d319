/**
 * Positions are value objects over one canonical form: lower-case hex of a fixed width per source, so that text order,
 * byte order and position order are the same (R3, R5). Nobody compares the raw strings.
 */
abstract class SortableHex {
  protected constructor(readonly hex: string) {
    if (!/^(?:[0-9a-f]{2})*$/.test(hex)) throw new RangeError(`not a position: '${hex}' (lower-case hex, whole bytes)`);
  }

  /** The bytes, as stored in a row's version column: `memcmp` order is position order. */
  toBytes(): Buffer {
    return Buffer.from(this.hex, 'hex');
  }

  toString(): string {
    return this.hex;
  }

  toJSON(): string {
    return this.hex;
  }

  protected order(other: SortableHex): number {
    return this.hex < other.hex ? -1 : this.hex > other.hex ? 1 : 0;
  }
}

/**
 * A place in the source's log: a commit position, or any log position (they share one order). PostgreSQL: the LSN,
 * 8 bytes. SQL Server: 10 bytes. `LogPosition.ZERO` (no bytes) sorts below every other: "lowest of its kind".
 */
export class LogPosition extends SortableHex {
  static readonly ZERO = new LogPosition('');
  private declare readonly brand: 'LogPosition';

  private constructor(hex: string) {
    super(hex);
  }

  /** @param hex lower-case hex as given by `toString()`; throws RangeError otherwise */
  static parse(hex: string): LogPosition {
    return hex === '' ? LogPosition.ZERO : new LogPosition(hex);
  }

  /** @param value the position as a number, @param bytes its fixed width in this source */
  static fromBigInt(value: bigint, bytes: number): LogPosition {
    return new LogPosition(fixedHex(value, bytes));
  }

  static max(a: LogPosition, b: LogPosition): LogPosition {
    return a.compare(b) >= 0 ? a : b;
  }

  toBigInt(): bigint {
    return this.hex === '' ? 0n : BigInt(`0x${this.hex}`);
  }

  compare(other: LogPosition): number {
    return this.order(other);
  }

  isBelow(other: LogPosition): boolean {
    return this.order(other) < 0;
  }

  equals(other: LogPosition): boolean {
    return this.hex === other.hex;
  }
}

const INDEX_BYTES = 4;

/**
 * Where a reader of one partition goes on: the first event not yet applied.
 * Direct stream: (commit position, index in the transaction), so that re-sent events are recognised exactly (R2);
 * (E, 0) where E is the end of a transaction's commit record means "that transaction is complete".
 * Kafka: the offset, 8 bytes.
 */
export class StreamOffset extends SortableHex {
  private declare readonly brand: 'StreamOffset';

  private constructor(hex: string) {
    super(hex);
  }

  static parse(hex: string): StreamOffset {
    if (hex === '') throw new RangeError('an offset cannot be empty');
    return new StreamOffset(hex);
  }

  /** @param index 0-based index of the next event inside the transaction that commits at `position` */
  static direct(position: LogPosition, index: number): StreamOffset {
    // without a position's bytes the index alone would be compared with positions
    if (position.hex === '') throw new RangeError('a direct offset needs a position of its source, not ZERO');
    return new StreamOffset(position.hex + fixedHex(BigInt(index), INDEX_BYTES));
  }

  static kafka(offset: bigint): StreamOffset {
    return new StreamOffset(fixedHex(offset, 8));
  }

  /** The parts of a direct offset. */
  splitDirect(): { readonly position: LogPosition; readonly index: number } {
    const cut = this.hex.length - INDEX_BYTES * 2;
    if (cut <= 0) throw new RangeError(`not a direct offset: ${this.hex}`);
    return { position: LogPosition.parse(this.hex.slice(0, cut)), index: Number.parseInt(this.hex.slice(cut), 16) };
  }

  compare(other: StreamOffset): number {
    return this.order(other);
  }

  equals(other: StreamOffset): boolean {
    return this.hex === other.hex;
  }
}

function fixedHex(value: bigint, bytes: number): string {
  const hex = value.toString(16);
  if (value < 0n || hex.length > bytes * 2) throw new RangeError(`${value} does not fit ${bytes} bytes`);
  return hex.padStart(bytes * 2, '0');
}

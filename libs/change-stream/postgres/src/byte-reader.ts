import { LogPosition } from '@elstream/core';

/** Reads big-endian fields of a replication message one after the other. Throws RangeError past the end. */
export class ByteReader {
  private at = 0;

  constructor(private readonly buffer: Buffer) {}

  atEnd(): boolean {
    return this.at >= this.buffer.length;
  }

  uint8(): number {
    return this.buffer.readUInt8(this.advance(1));
  }

  uint16(): number {
    return this.buffer.readUInt16BE(this.advance(2));
  }

  uint32(): number {
    return this.buffer.readUInt32BE(this.advance(4));
  }

  int32(): number {
    return this.buffer.readInt32BE(this.advance(4));
  }

  int64(): bigint {
    return this.buffer.readBigInt64BE(this.advance(8));
  }

  position(): LogPosition {
    const start = this.advance(8);
    return LogPosition.parse(this.buffer.toString('hex', start, start + 8));
  }

  /** One byte as an ASCII letter. */
  tag(): string {
    return String.fromCharCode(this.uint8());
  }

  cstring(): string {
    const end = this.buffer.indexOf(0, this.at);
    if (end < 0) throw new RangeError('a string without its end');
    const text = this.buffer.toString('utf8', this.at, end);
    this.at = end + 1;
    return text;
  }

  text(length: number): string {
    const start = this.advance(length);
    return this.buffer.toString('utf8', start, start + length);
  }

  /** A view, not a copy. */
  bytes(length: number): Buffer {
    const start = this.advance(length);
    return this.buffer.subarray(start, start + length);
  }

  rest(): Buffer {
    return this.bytes(this.buffer.length - this.at);
  }

  private advance(length: number): number {
    const start = this.at;
    if (start + length > this.buffer.length) throw new RangeError(`a message of ${this.buffer.length} bytes ends before its field at ${start}`);
    this.at = start + length;
    return start;
  }
}

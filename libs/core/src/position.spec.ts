import fc from 'fast-check';
import { LogPosition, StreamOffset } from './position';

const u64 = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });
const sign = (n: number): number => Math.sign(n);

describe('LogPosition', () => {
  it('orders as its number, as its text and as its bytes', () => {
    fc.assert(
      fc.property(u64, u64, (a, b) => {
        const [pa, pb] = [LogPosition.fromBigInt(a, 8), LogPosition.fromBigInt(b, 8)];
        const byNumber = a < b ? -1 : a > b ? 1 : 0;
        expect(sign(pa.compare(pb))).toBe(byNumber);
        expect(sign(Buffer.compare(pa.toBytes(), pb.toBytes()))).toBe(byNumber);
        expect(pa.toString() < pb.toString()).toBe(byNumber < 0);
        expect(pa.isBelow(pb)).toBe(byNumber < 0);
        expect(pa.equals(pb)).toBe(byNumber === 0);
        expect(LogPosition.max(pa, pb).toBigInt()).toBe(a > b ? a : b);
      }),
    );
  });

  it('comes back equal from its text, its JSON and its number', () => {
    fc.assert(
      fc.property(u64, (n) => {
        const position = LogPosition.fromBigInt(n, 8);
        expect(LogPosition.parse(position.toString()).equals(position)).toBe(true);
        expect(JSON.parse(JSON.stringify(position))).toBe(position.hex);
        expect(position.toBigInt()).toBe(n);
        expect(position.toBytes()).toHaveLength(8);
      }),
    );
  });

  it.each([8, 10])('has a fixed width of %i bytes, so that small positions sort below large ones', (bytes) => {
    expect(LogPosition.fromBigInt(9n, bytes).hex).toHaveLength(bytes * 2);
    expect(LogPosition.fromBigInt(9n, bytes).isBelow(LogPosition.fromBigInt(16n, bytes))).toBe(true);
    expect(LogPosition.fromBigInt(255n, bytes).isBelow(LogPosition.fromBigInt(256n, bytes))).toBe(true);
  });

  it('puts ZERO below every position, also below the number zero', () => {
    expect(LogPosition.ZERO.isBelow(LogPosition.fromBigInt(0n, 8))).toBe(true);
    expect(LogPosition.parse('')).toBe(LogPosition.ZERO);
    expect(LogPosition.ZERO.toBigInt()).toBe(0n);
    expect(LogPosition.ZERO.toBytes()).toHaveLength(0);
  });

  it.each(['ABCD', 'abc', '0x10', 'g0', ' 00'])('refuses the text %p', (text) => {
    expect(() => LogPosition.parse(text)).toThrow(RangeError);
  });

  it.each([
    [256n, 1],
    [-1n, 8],
    [1n << 64n, 8],
  ])('refuses %s in %i bytes', (value, bytes) => {
    expect(() => LogPosition.fromBigInt(value, bytes)).toThrow(RangeError);
  });
});

describe('StreamOffset', () => {
  const index = fc.integer({ min: 0, max: 0xffff_ffff });

  it('of a direct stream orders by position, then by index, in text and bytes', () => {
    fc.assert(
      fc.property(u64, index, fc.oneof(u64, fc.constant(null)), index, (p, i, q, j) => {
        const a = StreamOffset.direct(LogPosition.fromBigInt(p, 8), i);
        const b = StreamOffset.direct(LogPosition.fromBigInt(q ?? p, 8), j);
        const other = q ?? p;
        const expected = p === other ? sign(i - j) : p < other ? -1 : 1;
        expect(sign(a.compare(b))).toBe(expected);
        expect(sign(Buffer.compare(a.toBytes(), b.toBytes()))).toBe(expected);
      }),
    );
  });

  it('of a direct stream splits into what it was made of', () => {
    fc.assert(
      fc.property(u64, index, fc.constantFrom(8, 10), (p, i, bytes) => {
        const position = LogPosition.fromBigInt(p, bytes);
        const parts = StreamOffset.parse(StreamOffset.direct(position, i).toString()).splitDirect();
        expect(parts.position.equals(position)).toBe(true);
        expect(parts.index).toBe(i);
      }),
    );
  });

  it('of Kafka orders as the offset', () => {
    fc.assert(
      fc.property(u64, u64, (a, b) => {
        expect(sign(StreamOffset.kafka(a).compare(StreamOffset.kafka(b)))).toBe(a < b ? -1 : a > b ? 1 : 0);
        expect(StreamOffset.kafka(a).equals(StreamOffset.kafka(a))).toBe(true);
      }),
    );
  });

  it('refuses what is no offset', () => {
    expect(() => StreamOffset.parse('')).toThrow('an offset cannot be empty');
    expect(() => StreamOffset.parse('00000001').splitDirect()).toThrow('not a direct offset');
    expect(() => StreamOffset.direct(LogPosition.fromBigInt(1n, 8), 2 ** 32)).toThrow(RangeError);
    expect(() => StreamOffset.direct(LogPosition.fromBigInt(1n, 8), -1)).toThrow(RangeError);
  });

  it('refuses an index in ZERO, whose text would not sort below every other offset', () => {
    expect(() => StreamOffset.direct(LogPosition.ZERO, 0)).toThrow('needs a position');
  });
});

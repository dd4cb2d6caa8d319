import fc from 'fast-check';
import { LogPosition } from '@elstream/core';
import { cdcLsnOfBytes, formatCdcLsn, parseCdcLsn, parseNumericLsn } from './lsn';

const part = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max });
const lsn = fc.tuple(part(0xffffffff), part(0xffffffff), part(0xffff));
type Parts = readonly [number, number, number];
const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
const textOf = ([file, block, record]: Parts): string => `${hex(file, 8)}:${hex(block, 8)}:${hex(record, 4)}`;
const numericOf = ([file, block, record]: Parts): string => `${String(file)}${String(block).padStart(10, '0')}${String(record).padStart(5, '0')}`;

describe('the log sequence numbers of SQL Server', () => {
  it.each([
    ['0000002a:00000f30:0003', '0000002a00000f300003'],
    ['0000002A:00000F30:0003', '0000002a00000f300003'],
    ['0x0000002A00000F300003', '0000002a00000f300003'],
    ['0000002a00000f300003', '0000002a00000f300003'],
    ['00000000:00000000:0000', '00000000000000000000'],
  ])('%s is ten bytes', (text, bytes) => {
    expect(parseCdcLsn(text).hex).toBe(bytes);
  });

  it.each(['', '2a:f30:3', '0000002a:00000f30', '0000002a:00000f30:00030', '0000002a-00000f30-0003', '0000002g:00000f30:0003', ' 0000002a:00000f30:0003', '0000002a:00000f30:0003\n'])('%j is refused', (text) => {
    expect(() => parseCdcLsn(text)).toThrow(RangeError);
  });

  it('sort alike as text, as bytes and by their parts, and come back from each form', () => {
    fc.assert(
      fc.property(lsn, lsn, (a, b) => {
        const [pa, pb] = [parseCdcLsn(textOf(a)), parseCdcLsn(textOf(b))];
        const byParts = a.map((value, i) => Math.sign(value - (b[i] ?? 0))).find((sign) => sign !== 0) ?? 0;
        expect(Math.sign(pa.compare(pb))).toBe(byParts);
        expect(Math.sign(Buffer.compare(pa.toBytes(), pb.toBytes()))).toBe(byParts);
        expect(formatCdcLsn(pa)).toBe(textOf(a));
        expect(cdcLsnOfBytes(pa.toBytes()).equals(pa)).toBe(true);
        expect(parseNumericLsn(numericOf(a)).equals(pa)).toBe(true);
      }),
    );
  });

  it('are not made of a position of another width', () => {
    expect(() => formatCdcLsn(LogPosition.ZERO)).toThrow(RangeError);
    expect(() => formatCdcLsn(LogPosition.fromBigInt(1n, 8))).toThrow(RangeError);
    expect(() => cdcLsnOfBytes(new Uint8Array(8))).toThrow(RangeError);
  });

  it.each(['', '-1', '1.5', '99999999999000000000000001', '1000000000099999', '42949672960000000000000000'])('no number of views is %j', (digits) => {
    expect(() => parseNumericLsn(digits)).toThrow(RangeError);
  });
});

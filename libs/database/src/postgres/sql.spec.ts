import { LogPosition } from '@elstream/core';
import { formatLsn, parseLsn, quoteLiteral, quoteName, quoteTable, rowOf } from './sql';

describe('identifiers and literals', () => {
  it.each([
    ['plain', '"plain"'],
    ['with "quotes"', '"with ""quotes"""'],
    ['a.b', '"a.b"'],
    ['Żółć 表', '"Żółć 表"'],
    ['x"; DROP TABLE y; --', '"x""; DROP TABLE y; --"'],
  ])('quotes %s', (name, quoted) => {
    expect(quoteName(name)).toBe(quoted);
  });

  it('refuses what cannot be an identifier or literal', () => {
    expect(() => quoteName('')).toThrow(RangeError);
    expect(() => quoteName('a\0b')).toThrow(RangeError);
    expect(() => quoteLiteral('a\0b')).toThrow(RangeError);
  });

  it('quotes tables part by part and literals with their backslashes', () => {
    expect(quoteTable({ schema: 'a.b', name: 'c"d' })).toBe('"a.b"."c""d"');
    expect(quoteLiteral(`it's`)).toBe(`'it''s'`);
    expect(quoteLiteral(String.raw`c:\n'`)).toBe(String.raw` E'c:\\n'''`);
    expect(rowOf(['a'])).toBe('a');
    expect(rowOf(['a', 'b'])).toBe('(a, b)');
  });
});

describe('log positions of PostgreSQL', () => {
  it.each(['0/0', '0/1B9D3E0', '16/B374D848', 'FFFFFFFF/FFFFFFFF'])('%s survives the way there and back', (lsn) => {
    expect(formatLsn(parseLsn(lsn))).toBe(lsn);
  });

  it('orders as numbers, not as texts', () => {
    expect(parseLsn('9/0').compare(parseLsn('10/0'))).toBeLessThan(0);
    expect(parseLsn('0/FFFFFFFF').compare(parseLsn('1/0'))).toBeLessThan(0);
    expect(parseLsn('00000001/00000002').equals(LogPosition.fromBigInt((1n << 32n) + 2n, 8))).toBe(true);
  });

  it.each(['', '1', '1/', 'G/0', '123456789/0'])('refuses %p', (text) => {
    expect(() => parseLsn(text)).toThrow(RangeError);
  });
});

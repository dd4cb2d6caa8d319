import type { ColumnType, KeyRange, TableMapping } from '@elstream/core';
import { SeededRandom } from '@elstream/testing';
import { TABLE } from '../compare/sides.fixture';
import { commonRange, compareKeys, sampleOf, scopeName } from './scope';

const keyed = (...types: readonly ColumnType[]): TableMapping => ({
  ...TABLE,
  columns: types.map((type, i) => ({ source: `k${String(i)}`, target: `k${String(i)}`, type, targetType: type.kind, nullable: false, mask: null })),
  key: types.map((_, i) => i),
});
const INTEGER: ColumnType = { kind: 'integer', bits: 64 };
const DECIMAL: ColumnType = { kind: 'decimal', precision: null, scale: null };

test.each([
  ['full', {}],
  ['sample', { samplePercent: 5 }],
  ['changed', { changed: true }],
  ['range', { range: { from: null, to: ['5'] } }],
] as const)('a validation %s is called so', (name, scope) => {
  expect(scopeName(scope)).toBe(name);
});

describe('keys', () => {
  it.each<readonly [string, ColumnType, readonly string[]]>([
    ['numbers', INTEGER, ['-9223372036854775808', '-10', '-9', '0', '9', '10', '9007199254740993', '9223372036854775807']],
    ['decimals', DECIMAL, ['-Infinity', '-10.5', '-1.50', '-1.05', '0', '0.0001', '1.05', '1.5', '10', 'Infinity', 'NaN']],
    ['booleans', { kind: 'boolean' }, ['f', 't']],
    ['bytes', { kind: 'binary' }, ['\\x', '\\x00', '\\x00ff', '\\x01', '\\xff']],
    ['uuids', { kind: 'uuid' }, ['00000000-0000-0000-0000-000000000001', 'F0000000-0000-0000-0000-000000000000', 'ff000000-0000-0000-0000-000000000000']],
    ['dates', { kind: 'date' }, ['-infinity', '4713-01-01 BC', '0044-03-15 BC', '0001-01-01', '2024-02-29', '9999-12-31', '10000-01-01', 'infinity']],
    ['times', { kind: 'timestamp', zone: true }, ['2024-02-29 23:59:59+00', '2024-02-29 23:59:59.000001+00', '2024-02-29 23:59:59.1+00', '2024-03-01T00:00:00Z']],
  ])('of %s are in the order of the databases', (_name, type, ordered) => {
    const shuffled = new SeededRandom(type.kind).shuffle([...ordered]);
    expect(shuffled.sort((a, b) => compareKeys(keyed(type), [a], [b]))).toEqual(ordered);
  });

  it('of several columns are ordered by the first that differs', () => {
    const mapping = keyed(INTEGER, DECIMAL);
    expect([['2', '1'], ['1', '10'], ['1', '9.5']].sort((a, b) => compareKeys(mapping, a, b))).toEqual([['1', '9.5'], ['1', '10'], ['2', '1']]);
  });

  it.each([['five'], ['1.5'], [''], ['1', '2']])('that are none are refused: %j', (...key) => {
    expect(() => compareKeys(keyed(INTEGER), key, ['1'])).toThrow(expect.objectContaining({ code: 'RANGE_INVALID', recovery: 'refuse' }));
  });
});

describe('what two ranges have in common', () => {
  const range = (from: number | null, to: number | null): KeyRange => ({ from: from === null ? null : [String(from)], to: to === null ? null : [String(to)] });
  it.each([
    ['the inner bounds', range(null, 100), range(9, null), range(9, 100)],
    ['the whole of one inside the other', range(10, 20), range(2, 100), range(10, 20)],
    ['everything where neither is bounded', range(null, null), range(null, null), range(null, null)],
    ['nothing where they only touch', range(1, 10), range(10, 20), null],
    ['nothing where they are apart', range(1, 9), range(10, null), null],
  ])('is %s', (_name, a, b, expected) => {
    expect(commonRange(keyed(INTEGER), a, b)).toEqual(expected);
    expect(commonRange(keyed(INTEGER), b, a)).toEqual(expected);
  });
});

describe('a sample of ranges', () => {
  const ranges = Array.from({ length: 200 }, (_, i) => i);
  const random = new SeededRandom('sample');
  const next = (): number => random.int(0, 999_999) / 1_000_000;

  it.each([
    [0.01, 1],
    [1, 2],
    [10, 20],
    [100, 200],
  ])('of %d %% has that share, at least one, in their order', (percent, count) => {
    const sample = sampleOf(ranges, percent, next);
    expect(sample).toHaveLength(count);
    expect([...sample].sort((a, b) => a - b)).toEqual(sample);
  });

  it('takes each as often as any other', () => {
    const taken = ranges.map(() => 0);
    for (let i = 0; i < 400; i += 1) for (const range of sampleOf(ranges, 10, next)) taken[range] = (taken[range] ?? 0) + 1;
    expect(Math.min(...taken)).toBeGreaterThan(10);
    expect(Math.max(...taken)).toBeLessThan(90);
  });

  it('of nothing is nothing', () => {
    expect(sampleOf([], 50, next)).toEqual([]);
  });
});

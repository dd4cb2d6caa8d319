import { SeededRandom } from '@elstream/testing';
import { FINER, bucketCount, differingBuckets, digestSlices } from './buckets';

const sum = (bucket: number, rows: number, checksum = `sum of ${String(bucket)}`) => ({ bucket, rows, checksum });

test.each([
  [0, 1],
  [256, 1],
  [50_000, 196],
  [10_000_000, 4_096],
])('a range of %d rows has %d buckets at first', (rows, expected) => {
  expect(bucketCount(rows)).toBe(expected);
});

describe('buckets differ', () => {
  it.each([
    ['not, when rows and checksums are the same', [sum(0, 3), sum(1, 2)], [sum(1, 2), sum(0, 3)], []],
    ['by their checksum', [sum(0, 3, 'x')], [sum(0, 3, 'y')], [{ bucket: 0, sourceRows: 3, warehouseRows: 3 }]],
    ['by their rows, should the checksums be the same by chance', [sum(0, 3, 'x')], [sum(0, 4, 'x')], [{ bucket: 0, sourceRows: 3, warehouseRows: 4 }]],
    ['when only the source has one', [sum(5, 3)], [], [{ bucket: 5, sourceRows: 3, warehouseRows: 0 }]],
    ['when only the warehouse has one', [], [sum(5, 3)], [{ bucket: 5, sourceRows: 0, warehouseRows: 3 }]],
  ])('%s', (_name, source, warehouse, expected) => {
    expect(differingBuckets(source, warehouse)).toEqual(expected);
  });
});

test('slices bring at most so many keys of a side, each key once, also of a bucket that alone has more', () => {
  const random = new SeededRandom('digest slices');
  for (let trial = 0; trial < 50; trial += 1) {
    const of = random.int(1, 40);
    const hashes = Array.from({ length: random.int(0, 3_000) }, () => random.int(0, 2 ** 31 - 1) * (trial % 2 === 0 ? 1 : FINER));
    const differing = Array.from({ length: of }, (_, bucket) => {
      const rows = hashes.filter((h) => h % of === bucket).length;
      return { bucket, sourceRows: rows, warehouseRows: bucket % 3 === 0 ? 0 : rows };
    }).filter((b) => b.sourceRows > 0);
    const seen: number[] = [];
    for (const slice of digestSlices(of, differing, 50)) {
      expect(slice.of).toBeLessThan(2 ** 31);
      expect(slice.inSource).toEqual(expect.arrayContaining([...slice.inWarehouse]));
      seen.push(...hashes.flatMap((h, i) => (slice.inSource.includes(h % slice.of) ? [i] : [])));
    }
    expect(seen.sort((a, b) => a - b)).toEqual(hashes.map((_, i) => i));
  }
  const whole = { bucket: 3, sourceRows: 1_000_000, warehouseRows: 0 };
  const slices = digestSlices(16, [whole], 10_000);
  expect(slices).toHaveLength(200);
  expect(slices[1]).toEqual({ of: 3_200, inSource: [19], inWarehouse: [] });
});

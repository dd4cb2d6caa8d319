import type { BucketChecksum } from '@elstream/core';

/** Rows a bucket holds on average: of the first pass, and of the second where the first brought too many. */
const COARSE_ROWS = 256;
/** How many buckets of the second pass make up one of the first: a multiple, so that each lies in exactly one. */
export const FINER = 16;
const MAX_COARSE = 4_096;
/** Buckets are numbered by 31 bits at most. */
const MAX_OF = 2 ** 31 - 1;

/** A bucket whose checksums are unequal, with the rows each side had in it. */
export interface DifferingBucket {
  readonly bucket: number;
  readonly sourceRows: number;
  readonly warehouseRows: number;
}

/** Buckets whose keys are asked for at once; `inSource`, `inWarehouse`: those of `which` with rows on that side. */
export interface DigestSlice {
  readonly of: number;
  readonly inSource: readonly number[];
  readonly inWarehouse: readonly number[];
}

/**
 * Buckets of the first pass for a range of about `rows` rows. Each costs some forty bytes per side, so few of them keep
 * an equal range cheap; a row that differs costs one more look at the range, not one more row carried.
 */
export function bucketCount(rows: number): number {
  return Math.min(MAX_COARSE, Math.max(1, Math.ceil(rows / COARSE_ROWS)));
}

export function differingBuckets(source: readonly BucketChecksum[], warehouse: readonly BucketChecksum[]): DifferingBucket[] {
  const there = new Map(warehouse.map((b) => [b.bucket, b]));
  const differing: DifferingBucket[] = [];
  for (const { bucket, rows, checksum } of source) {
    const other = there.get(bucket);
    there.delete(bucket);
    if (other?.rows !== rows || other.checksum !== checksum) differing.push({ bucket, sourceRows: rows, warehouseRows: other?.rows ?? 0 });
  }
  for (const { bucket, rows } of there.values()) differing.push({ bucket, sourceRows: 0, warehouseRows: rows });
  return differing;
}

const rowsIn = ({ sourceRows, warehouseRows }: DifferingBucket): number => Math.max(sourceRows, warehouseRows);

/** Keys each side would bring at most. */
export function keysIn(differing: readonly DifferingBucket[]): number {
  return differing.reduce((sum, bucket) => sum + rowsIn(bucket), 0);
}

/**
 * Cuts buckets into slices that bring about `maxKeys` keys per side at most (R11), also a bucket that alone holds more:
 * `h mod (n·k)` tells which of k equal parts of bucket `h mod n` a key lies in.
 */
export function digestSlices(of: number, differing: readonly DifferingBucket[], maxKeys: number): DigestSlice[] {
  const slices: DigestSlice[] = [];
  let together: DifferingBucket[] = [];
  for (const bucket of differing) {
    if (rowsIn(bucket) > maxKeys) {
      slices.push(...partsOf(of, bucket, maxKeys));
      continue;
    }
    if (keysIn(together) + rowsIn(bucket) > maxKeys) {
      slices.push(slice(of, together));
      together = [];
    }
    together.push(bucket);
  }
  if (together.length > 0) slices.push(slice(of, together));
  return slices;
}

/** Half full, as digests do not spread evenly. */
function partsOf(of: number, whole: DifferingBucket, maxKeys: number): DigestSlice[] {
  const parts = Math.min(Math.floor(MAX_OF / of), Math.ceil((2 * rowsIn(whole)) / maxKeys));
  return Array.from({ length: parts }, (_, i) => slice(of * parts, [{ ...whole, bucket: whole.bucket + of * i }]));
}

function slice(of: number, buckets: readonly DifferingBucket[]): DigestSlice {
  return { of, inSource: buckets.filter((b) => b.sourceRows > 0).map((b) => b.bucket), inWarehouse: buckets.filter((b) => b.warehouseRows > 0).map((b) => b.bucket) };
}

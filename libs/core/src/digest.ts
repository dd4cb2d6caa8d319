/**
 * The sum of a bucket's rows: two tables hold the same rows there if it is equal, whatever their products. What is
 * summed is the MD5 of each row's canonical text (docs/canonical-text.md).
 */
export interface BucketChecksum {
  /** From 0: the key's number, as docs/canonical-text.md has it, modulo the number of buckets. */
  readonly bucket: number;
  /** Rows in the bucket, at least 1: buckets without rows are not told. */
  readonly rows: number;
  /** 32 hex digits: the sums of the digests' upper and of their lower 64 bits, each mod 2^64. No order is in it. */
  readonly checksum: string;
}

/** One row by its key. */
export interface KeyDigest {
  /** Key cells as any read of the row gives them, in key order. */
  readonly key: readonly string[];
  /** MD5 of the row's canonical text, 32 hex digits. */
  readonly digest: string;
}

/** Which buckets of how many. */
export interface BucketChoice {
  readonly of: number;
  readonly which: readonly number[];
}

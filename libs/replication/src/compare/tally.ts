import type { Cell, KeyDigest, BucketChecksum, LogPosition } from '@elstream/core';

/** What comparing one range has come to so far. */
export interface Tally {
  /** The source's rows compared; those of the warehouse where its keys are asked for at the source. */
  rows: number;
  /** Text of checksums, digests and rows carried here from both sides, in bytes of UTF-8; what protocols add is not in it. */
  bytesMoved: number;
  /** Buckets looked into key by key. */
  bucketsNarrowed: number;
  /** End of the source's log after the last read of its rows (R8's B). */
  position: LogPosition | null;
  /** The stream stands still: what is not equal cannot be decided. */
  stalled: boolean;
  /** Why the table is no longer the one that was to be compared; null: it is. */
  superseded: string | null;
}

export function newTally(): Tally {
  return { rows: 0, bytesMoved: 0, bucketsNarrowed: 0, position: null, stalled: false, superseded: null };
}

export function bytesOfCells(rows: readonly (readonly Cell[])[]): number {
  return rows.reduce((sum, row) => row.reduce((n, cell) => n + (cell === null ? 0 : Buffer.byteLength(cell)), sum), 0);
}

export function bytesOfChecksums(checksums: readonly BucketChecksum[]): number {
  return checksums.reduce((sum, { bucket, rows, checksum }) => sum + String(bucket).length + String(rows).length + checksum.length, 0);
}

export function bytesOfDigests(digests: readonly KeyDigest[]): number {
  return digests.reduce((sum, { key, digest }) => sum + bytesOfCells([key]) + digest.length, 0);
}

import { ElstreamError, keyIdentity, type KeyDigest, type KeyRange, type TableMapping } from '@elstream/core';
import { rangeOf } from '../tasks/key-range';
import type { TaskContext } from '../tasks/task-context';
import { FINER, bucketCount, differingBuckets, digestSlices, keysIn, type DifferingBucket, type DigestSlice } from './buckets';
import { streamPasses } from '../stream/passes';
import { bytesOfChecksums, bytesOfDigests, type Tally } from './tally';

type Key = readonly string[];

/**
 * Keys of one range that looked unequal, missing or extra, in pieces of some thousands at most (R11), found by checksums
 * made inside the databases. Two equal checksums are proof, whenever they were taken: each is of whole committed rows, and
 * a row equal at some moment is equal. Unequal ones prove nothing, as the warehouse may be behind or ahead of the source.
 */
export async function* suspectsByChecksums(context: TaskContext, mapping: TableMapping, tally: Tally): AsyncGenerator<readonly Key[]> {
  const { task, pipeline } = context;
  const range = rangeOf(task.payload);
  const maxKeys = pipeline.settings.compareRows;
  const of = bucketCount(expectedRows(task.payload, mapping));
  const coarse = await checksumPass(context, mapping, { range, of, only: () => true }, tally);
  tally.rows = coarse.rows;
  let pass = { of, differing: coarse.differing };
  if (keysIn(pass.differing) > maxKeys && bothSidesHaveRows(pass.differing)) {
    const open = new Set(pass.differing.map((b) => b.bucket));
    const finer = of * FINER;
    pass = { of: finer, differing: (await checksumPass(context, mapping, { range, of: finer, only: (bucket) => open.has(bucket % of) }, tally)).differing };
  }
  tally.bucketsNarrowed = pass.differing.length;
  for (const slice of digestSlices(pass.of, pass.differing, maxKeys)) {
    stopIfTold(context);
    const suspects = await suspectsIn(context, mapping, { range, slice }, tally);
    if (suspects.length > 0) yield suspects;
  }
}

/** Rows a range was planned with; a table that is one range says how many it has. */
export function expectedRows(payload: Readonly<Record<string, unknown>>, mapping: TableMapping): number {
  const rows = payload['rows'];
  return typeof rows === 'number' ? rows : mapping.chunkRows;
}

/** Where one side has none of the rows, finer buckets would tell nothing new. */
function bothSidesHaveRows(differing: readonly DifferingBucket[]): boolean {
  return differing.some((b) => b.sourceRows > 0) && differing.some((b) => b.warehouseRows > 0);
}

interface Pass {
  readonly range: KeyRange;
  readonly of: number;
  /** Buckets not known to be equal yet. */
  readonly only: (bucket: number) => boolean;
}

/**
 * Both sides at once; then, for what differs, the warehouse once more after the stream has passed the end of log read
 * after the source. Without difference there is nothing to wait for.
 */
export async function checksumPass(context: TaskContext, mapping: TableMapping, { range, of, only }: Pass, tally: Tally): Promise<{ rows: number; differing: DifferingBucket[] }> {
  const { pipeline, signal, moved } = context;
  const source = await pipeline.source();
  const ofSource = async () => {
    const checksums = await source.checksums(mapping, range, of, signal);
    return { checksums, b: await source.endOfLog() };
  };
  const [read, early] = await Promise.all([ofSource(), pipeline.warehouse.checksums(mapping, range, of, signal)]);
  moved();
  tally.position = read.b;
  tally.bytesMoved += bytesOfChecksums(read.checksums) + bytesOfChecksums(early);
  const rows = read.checksums.reduce((sum, bucket) => sum + bucket.rows, 0);
  const differing = differingBuckets(read.checksums, early).filter((b) => only(b.bucket));
  if (differing.length === 0) return { rows, differing };
  if (!tally.stalled && !(await streamPasses(context, read.b))) tally.stalled = true;
  stopIfTold(context);
  if (tally.stalled) return { rows, differing };
  const open = new Set(differing.map((b) => b.bucket));
  const later = await pipeline.warehouse.checksums(mapping, range, of, signal);
  moved();
  tally.bytesMoved += bytesOfChecksums(later);
  return { rows, differing: differingBuckets(read.checksums, later).filter((b) => open.has(b.bucket)) };
}

async function suspectsIn({ pipeline, signal, moved }: TaskContext, mapping: TableMapping, { range, slice }: { readonly range: KeyRange; readonly slice: DigestSlice }, tally: Tally): Promise<Key[]> {
  const { of, inSource, inWarehouse } = slice;
  const source = await pipeline.source();
  const [here, there] = await Promise.all([
    inSource.length === 0 ? [] : source.digests(mapping, range, { of, which: inSource }, signal),
    inWarehouse.length === 0 ? [] : pipeline.warehouse.digests(mapping, range, { of, which: inWarehouse }, signal),
  ]);
  moved();
  tally.bytesMoved += bytesOfDigests(here) + bytesOfDigests(there);
  return unequalKeys(mapping, here, there);
}

/** Keys one side lacks or whose rows have another digest. */
export function unequalKeys(mapping: TableMapping, source: readonly KeyDigest[], warehouse: readonly KeyDigest[]): Key[] {
  const there = new Map(warehouse.map((row) => [keyIdentity(mapping, row.key), row]));
  const unequal: Key[] = [];
  for (const { key, digest } of source) {
    const id = keyIdentity(mapping, key);
    if (there.get(id)?.digest !== digest) unequal.push(key);
    there.delete(id);
  }
  for (const { key } of there.values()) unequal.push(key);
  return unequal;
}

export function stopIfTold({ signal }: TaskContext): void {
  if (signal.aborted) throw new ElstreamError('STOPPING', 'retry', 'stopped while comparing');
}

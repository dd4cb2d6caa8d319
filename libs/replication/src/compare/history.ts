import { describeKey, historyTable, keyIdentity, sleep, type KeyDigest, type KeyRange, type TableMapping } from '@elstream/core';
import type { DueHistory } from '@elstream/warehouse';
import type { Difference } from '../overview/overview';
import { rangeOf } from '../tasks/key-range';
import type { TaskContext } from '../tasks/task-context';
import { bucketCount, digestSlices, type DigestSlice } from './buckets';
import { keptKey } from './confirm';
import { checksumPass, expectedRows, stopIfTold } from './by-checksums';
import { streamPasses } from '../stream/passes';
import { bytesOfDigests, type Tally } from './tally';

const POLL_MS = 100;
/** Noted keys looked at while their copy is waited for. */
const DUE_LIMIT = 10_000;

type Key = readonly string[];

export interface ComparedHistory {
  /** One per key that lacks a version. */
  readonly differences: readonly Difference[];
  /** Keys whose versions were still to be copied when the time was over. */
  readonly unverified: number;
}

/**
 * R13: compares one range of copied history. The source's history only grows, and so does ours: a version the source has
 * is missing here if it is not there once the stream has passed the read and the keys it noted have been copied. Versions
 * only the warehouse has are none: the source may purge its own.
 *
 * Adds to `tally`: its `rows` are versions of the source.
 */
export async function compareHistory(context: TaskContext, mapping: TableMapping, tally: Tally): Promise<ComparedHistory> {
  const { task, pipeline } = context;
  const history = historyTable(mapping);
  const range = rangeOf(task.payload);
  const of = bucketCount(expectedRows(task.payload, mapping));
  const pass = await checksumPass(context, history, { range, of, only: () => true }, tally);
  tally.rows = pass.rows;
  const differing = pass.differing.filter((b) => b.sourceRows > 0);
  tally.bucketsNarrowed = differing.length;
  const differences: Difference[] = [];
  let unverified = 0;
  let stuck = false;
  for (const slice of digestSlices(of, differing, pipeline.settings.compareRows)) {
    stopIfTold(context);
    const missing = await missingIn(context, history, { range, slice }, tally);
    if (missing.size === 0) continue;
    // Copies that did not settle within the bound are not waited for again with every slice.
    const settled = !stuck && (await copiesSettle(context, mapping, keysOf(mapping, missing), tally));
    stopIfTold(context);
    if (!settled) {
      stuck = true;
      unverified += keysOf(mapping, missing).length;
      continue;
    }
    // Versions the source has made since the first look may still be on their way: only those of both looks count.
    const still = [...(await missingIn(context, history, { range, slice }, tally))].filter(([version]) => missing.has(version));
    differences.push(...keysOf(mapping, new Map(still)).map((key) => differenceOf(mapping, key)));
  }
  return { differences, unverified };
}

/** Versions by their names (key and digest) with their keys. */
type Versions = ReadonlyMap<string, Key>;

function keysOf(mapping: TableMapping, versions: Versions): Key[] {
  return [...new Map([...versions.values()].map((key) => [keyIdentity(mapping, key), key])).values()];
}

/** Versions of the slice that the warehouse lacks. The source is read first: what it then has is not taken away here. */
async function missingIn({ pipeline, signal, moved }: TaskContext, history: TableMapping, { range, slice }: { readonly range: KeyRange; readonly slice: DigestSlice }, tally: Tally): Promise<Versions> {
  const source = await pipeline.source();
  const buckets = { of: slice.of, which: slice.inSource };
  if (buckets.which.length === 0) return new Map();
  const here = await source.digests(history, range, buckets, signal);
  moved();
  const there = await pipeline.warehouse.digests(history, range, buckets, signal);
  moved();
  tally.bytesMoved += bytesOfDigests(here) + bytesOfDigests(there);
  return lackingVersions(history, here, there);
}

/** Versions that `there` holds less often than `here` (a history table has no unique key). */
export function lackingVersions(mapping: TableMapping, here: readonly KeyDigest[], there: readonly KeyDigest[]): Versions {
  const left = new Map<string, number>();
  const nameOf = ({ key, digest }: KeyDigest): string => `${digest} ${keyIdentity(mapping, key)}`;
  for (const version of there) left.set(nameOf(version), (left.get(nameOf(version)) ?? 0) + 1);
  const lacking = new Map<string, Key>();
  for (const version of here) {
    const name = nameOf(version);
    const count = left.get(name) ?? 0;
    if (count > 0) left.set(name, count - 1);
    else lacking.set(name, version.key);
  }
  return lacking;
}

/** Waits until the stream has passed what was read and none of the keys is noted to be copied any more; false: not within the bound. */
async function copiesSettle(context: TaskContext, mapping: TableMapping, keys: readonly Key[], tally: Tally): Promise<boolean> {
  const { pipeline, deps, signal, moved } = context;
  const source = await pipeline.source();
  if (tally.stalled || !(await streamPasses(context, await source.endOfLog()))) {
    tally.stalled = true;
    return false;
  }
  const wanted = new Set(keys.map((key) => keyIdentity(mapping, key)));
  const concerns = ({ table, key }: DueHistory): boolean => table === mapping.id && (key === null || wanted.has(keyIdentity(mapping, key)));
  // What is noted from here on comes from later changes: waiting for that too would never end beside a busy writer.
  let upTo: bigint | null = null;
  for (const began = deps.clock(); !signal.aborted; await sleep(POLL_MS, signal)) {
    moved();
    const due = await pipeline.warehouse.dueHistory(pipeline.name, DUE_LIMIT);
    // A full answer may hide one of ours behind it.
    if (due.length < DUE_LIMIT) upTo ??= due.reduce((last, { id }) => (BigInt(id) > last ? BigInt(id) : last), 0n);
    const last = upTo;
    if (last !== null && !due.some((entry) => BigInt(entry.id) <= last && concerns(entry))) return true;
    if (deps.clock() - began >= pipeline.settings.validationWaitMs) return false;
  }
  return false;
}

function differenceOf(mapping: TableMapping, key: Key): Difference {
  return { table: mapping.id, key: describeKey(mapping, key), cells: keptKey(key), of: 'history', kind: 'missing', columns: [] };
}

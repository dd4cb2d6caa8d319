import { decodeRows, describeError, describeKey, encodeRow, failpoint, keyIdentity, keyOfRow, recoveryOf, type KeyRange, type TableMapping } from '@elstream/core';
import type { ChunkRead } from '@elstream/source';
import { slices } from './compare/compare-rows';
import type { PipelineHandle } from './pipeline';
import { findFailing } from './stream/bisect';

type Key = readonly string[];

/** Keys whose versions are read and merged at once. */
const KEYS_AT_ONCE = 2_000;

/** Where versions are merged, and who is told. */
export interface HistoryMerge {
  readonly pipeline: PipelineHandle;
  readonly mapping: TableMapping;
  readonly signal: AbortSignal;
  /** Called with every piece read. */
  readonly moved?: () => void;
}

export interface MergedHistory {
  /** Versions that were read. */
  readonly read: number;
  readonly added: number;
  /** Versions the warehouse cannot hold, by their key, one entry each: they are left out and all others are there. */
  readonly refused: readonly { readonly key: string; readonly reason: string }[];
}

/** R13: the versions the source has in a range; one value that the warehouse refuses leaves out its version only. */
export async function mergeHistoryRange(merge: HistoryMerge, range: KeyRange): Promise<MergedHistory> {
  let whole: MergedHistory | null = null;
  await refusalOf(async () => void (whole = await mergeRead(merge, await readOf(merge, { range }), [])));
  if (whole !== null) return whole;
  const keys = new Map<string, Key>();
  for await (const row of decodeRows((await readOf(merge, { range })).rows)) {
    merge.moved?.();
    const key = keyOfRow(merge.mapping, row);
    keys.set(keyIdentity(merge.mapping, key), key);
  }
  return mergeHistoryKeys(merge, [...keys.values()]);
}

/**
 * As `mergeHistoryRange`, of these keys, each named once. Keys whose versions all fit are merged together.
 * @param settles due entries that these keys answer, refused versions included: they would be fetched for ever
 */
export async function mergeHistoryKeys(merge: HistoryMerge, keys: readonly Key[], settles: readonly string[] = []): Promise<MergedHistory> {
  const total = { read: 0, added: 0, refused: [] as { key: string; reason: string }[] };
  const add = ({ read, added, refused }: MergedHistory): void => {
    total.read += read;
    total.added += added;
    total.refused.push(...refused);
  };
  const trialOf = (answered: readonly string[]) => async (some: readonly Key[]): Promise<unknown> =>
    refusalOf(async () => add(await mergeRead(merge, await readOf(merge, { keys: some }), answered)));
  const pieces = slices(keys, KEYS_AT_ONCE);
  let open = settles;
  for (const [n, piece] of pieces.entries()) {
    const last = n === pieces.length - 1;
    if ((await trialOf(last ? settles : [])(piece)) === null) {
      if (last) open = [];
    } else await findFailing(piece, { trial: trialOf([]), blame: async (key) => add(await mergeVersions(merge, key)) });
  }
  if (open.length > 0) await write(merge, lines([]), open);
  return total;
}

/** The error of a value that the warehouse (or, of a key, the source) cannot hold; null: there was none. Throws any other. */
async function refusalOf(step: () => Promise<void>): Promise<unknown> {
  try {
    await step();
    return null;
  } catch (error) {
    if (recoveryOf(error) === 'park') return error;
    throw error;
  }
}

/** The versions of one key, of which some are refused. Equal ones go together: each merge counts what stands against what it brings. */
async function mergeVersions(merge: HistoryMerge, key: Key): Promise<MergedHistory> {
  const versions = new Map<string, number>();
  let read = 0;
  const unreadable = await refusalOf(async () => {
    for await (const row of decodeRows((await readOf(merge, { keys: [key] })).rows)) {
      const line = encodeRow(row);
      versions.set(line, (versions.get(line) ?? 0) + 1);
      read += 1;
    }
  });
  const refused: { key: string; reason: string }[] = [];
  const refuse = (error: unknown): void => void refused.push({ key: describeKey(merge.mapping, key), reason: describeError(error) });
  // The key itself is no value of its column at the source.
  if (unreadable !== null) refuse(unreadable);
  let added = 0;
  await findFailing([...versions], {
    trial: (some) => refusalOf(async () => void (added += await write(merge, lines(some), []))),
    blame: ([, times], error) => Array.from({ length: times }).forEach(() => refuse(error)),
  });
  return { read, added, refused };
}

async function* lines(versions: readonly (readonly [line: string, times: number])[]): AsyncGenerator<Uint8Array> {
  for (const [line, times] of versions) yield Buffer.from(line.repeat(times), 'utf8');
}

async function readOf({ pipeline, mapping, signal }: HistoryMerge, of: { readonly keys: readonly Key[] } | { readonly range: KeyRange }): Promise<ChunkRead> {
  return (await pipeline.source()).readHistory(mapping, of, signal);
}

async function mergeRead(merge: HistoryMerge, read: ChunkRead, settles: readonly string[]): Promise<MergedHistory> {
  const added = await write(merge, piecesOf(read, merge.moved), settles);
  return { read: read.count(), added, refused: [] };
}

/** The failpoint stands where all versions have been read and none is merged. */
async function* piecesOf({ rows }: ChunkRead, moved?: () => void): AsyncGenerator<Uint8Array> {
  for await (const piece of rows) {
    moved?.();
    yield piece;
  }
  await failpoint('history:read-before-write');
}

function write({ pipeline, mapping }: HistoryMerge, rows: AsyncIterable<Uint8Array>, settles: readonly string[]): Promise<number> {
  return pipeline.warehouse.mergeHistory({ pipeline: pipeline.name, mapping, rows, settles });
}

/** What the task's result keeps of refused versions, which may be many. */
export const KEPT_REFUSED = 100;

/** For results: how many were refused, and the first of them. */
export function refusedOf({ refused }: Pick<MergedHistory, 'refused'>): Readonly<Record<string, unknown>> {
  return refused.length === 0 ? {} : { refusedVersions: refused.length, refused: refused.slice(0, KEPT_REFUSED) };
}

/** For logs and errors: names the table's first refused key and the remedy. */
export function describeRefused(mapping: TableMapping, { refused }: Pick<MergedHistory, 'refused'>): string {
  const [first] = refused;
  return `${String(refused.length)} superseded version(s) of ${mapping.id} are left out, the warehouse cannot hold them: ${first?.key ?? ''}: ${first?.reason ?? ''}; widen the column of the history table (or override its type), then validate the table and repair what is missing`;
}

import { ElstreamError, describeError, describeKey, failpoint, keyIdentity, recoveryOf, sleep, LogPosition, type Cell, type TableMapping } from '@elstream/core';
import type { RepairEntry, RepairOutcome, StandingRows } from '@elstream/warehouse';
import { byKey } from '../compare/compare-rows';
import { waitOf } from '../compare/confirm';
import { boundOf, streamPasses } from '../stream/passes';
import { awaitReadable } from '../transaction-wait';
import type { TaskContext } from './task-context';

const BETWEEN_TRIES_MS = 200;
const NOT_PASSED = 'the stream did not pass what the source holds in time, so it is not known whether the row is missing; see whether the stream runs, and replay again';

type Key = readonly string[];

/** One key to be mended; a replay names the dead letter it settles. */
export interface Mend {
  readonly key: Key;
  readonly settles?: string;
}

/**
 * Which keys are written. `missing`: only where the stream, having passed what the source was read at, has brought no row.
 * A row that stands, or an event in flight brings, stays as it is: written over with what the source holds by then, it would
 * leave its own version out of history and end the newer one in its stead. So what is written is the row as it was left
 * out: nothing has happened to it up to the read.
 */
export type Which = 'all' | 'missing';

/** What became of one of them. `failed`: `reason` says why, as that the warehouse cannot hold the source's value. */
export type Mended = { readonly is: RepairOutcome } | { readonly is: 'failed'; readonly reason: string };

/** What a task came to; `refused` names what could not be mended, and why. */
export interface Repaired {
  readonly repaired: number;
  readonly deleted: number;
  readonly unchanged: number;
  readonly moved: number;
  readonly failed: number;
  readonly refused: readonly { readonly key: string; readonly reason: string }[];
}

export function summaryOf(mapping: TableMapping, keys: readonly Key[], mended: readonly Mended[]): Repaired {
  const count = (is: Mended['is']): number => mended.filter((m) => m.is === is).length;
  const refused = keys.flatMap((key, i) => {
    const reason = reasonOf(mended[i]);
    return reason === null ? [] : [{ key: describeKey(mapping, key), reason }];
  });
  return { repaired: count('written'), deleted: count('deleted'), unchanged: count('unchanged'), moved: count('moved'), failed: count('failed'), refused };
}

/** Why it could not be mended; null: it was. */
export function reasonOf(mended: Mended | undefined): string | null {
  if (mended?.is === 'failed') return mended.reason;
  return mended?.is === 'moved' ? 'the row was written to by the stream or a preload whenever it was to be mended; try again' : null;
}

/**
 * R9 for some keys, each once: the target's rows and markers, then the wait, then the source's rows, then the write where
 * the target is still as read. What moved meanwhile is tried again. Answers in the order of `wanted`.
 */
export async function mend(context: TaskContext, mapping: TableMapping, wanted: readonly Mend[], which: Which = 'all'): Promise<Mended[]> {
  const mended: Mended[] = wanted.map(() => ({ is: 'moved' }));
  let open = wanted.map((_, i) => i);
  const tries = Math.max(1, context.pipeline.settings.maxRereads);
  for (let attempt = 1; open.length > 0 && attempt <= tries; attempt += 1) {
    if (attempt > 1) await sleep(BETWEEN_TRIES_MS, context.signal);
    if (context.signal.aborted) throw new ElstreamError('STOPPING', 'retry', 'stopped while mending rows');
    const found = await mendOnce(context, mapping, open.flatMap((i) => wanted[i] ?? []), which);
    open.forEach((index, i) => {
      mended[index] = found[i] ?? { is: 'moved' };
    });
    open = open.filter((index) => mended[index]?.is === 'moved');
  }
  return mended;
}

/** A key that is no value of its column fails what reads it: then each is read for itself, so that it keeps no other from being mended. */
async function mendOnce(context: TaskContext, mapping: TableMapping, wanted: readonly Mend[], which: Which): Promise<Mended[]> {
  try {
    const found = await readBoth(context, mapping, wanted, which);
    return found === null ? wanted.map(() => ({ is: 'failed', reason: NOT_PASSED })) : await write(context, mapping, found);
  } catch (error) {
    if (recoveryOf(error) !== 'park') throw error;
    if (wanted.length === 1) return [{ is: 'failed', reason: describeError(error) }];
  }
  const mended: Mended[] = [];
  for (const one of wanted) mended.push(...(await mendOnce(context, mapping, [one], which)));
  return mended;
}

/** Null: the stream did not pass what the source was read at. */
async function readBoth(context: TaskContext, mapping: TableMapping, wanted: readonly Mend[], which: Which): Promise<Write | null> {
  const { pipeline } = context;
  const source = await pipeline.source();
  const keys = wanted.map(({ key }) => key);
  const stands = await pipeline.warehouse.readStanding(mapping, keys);
  refuseUnlessLoaded(mapping, stands);
  const left = ({ standing }: At): boolean => which === 'missing' && standing.is === 'row' && standing.version.epoch === stands.epoch;
  // Nothing is written: nothing need be waited for.
  if (stands.at.every(left)) return { ...entriesOf(wanted, stands, (_, at) => at.row), readUntil: LogPosition.ZERO };
  await failpoint('repair:target-read');
  await awaitReadable(waitOf(context, source));
  const rows = byKey(mapping, await source.readByKeys(mapping, keys), (row) => row);
  await failpoint('repair:source-read');
  const end = await source.endOfLog();
  const readUntil = await boundOf(context, mapping.id, end);
  if (which === 'missing' && !(await streamPasses(context, end))) return null;
  return { ...entriesOf(wanted, stands, (key, at) => (left(at) ? at.row : (rows.get(keyIdentity(mapping, key)) ?? null))), readUntil };
}

type At = StandingRows['at'][number];

function entriesOf(wanted: readonly Mend[], { epoch, truncated, at }: StandingRows, rowOf: (key: Key, at: At) => readonly Cell[] | null): Omit<Write, 'readUntil'> {
  const entries = wanted.map(({ key, settles }, i): RepairEntry => {
    const stands = at[i] ?? { standing: { is: 'nothing' }, row: null };
    return { key, expect: stands.standing, row: rowOf(key, stands), ...(settles === undefined ? {} : { settles }) };
  });
  return { epoch, truncated, entries };
}

interface Write {
  readonly epoch: number;
  readonly truncated: StandingRows['truncated'];
  readonly entries: readonly RepairEntry[];
  readonly readUntil: LogPosition;
}

/** One write; where a value is refused, one per entry, so that it keeps none of the others from being mended. */
async function write({ pipeline, task, moved }: TaskContext, mapping: TableMapping, { entries, ...rest }: Write): Promise<Mended[]> {
  const one = async (some: readonly RepairEntry[]): Promise<Mended[]> => {
    moved();
    return (await pipeline.warehouse.repairRows({ pipeline: pipeline.name, mapping, runId: task.runId, ...rest, entries: some })).map((is) => ({ is }));
  };
  try {
    return await one(entries);
  } catch (error) {
    if (recoveryOf(error) !== 'park') throw error;
    if (entries.length === 1) return [{ is: 'failed', reason: describeError(error) }];
  }
  const mended: Mended[] = [];
  for (const entry of entries) {
    try {
      mended.push(...(await one([entry])));
    } catch (error) {
      if (recoveryOf(error) !== 'park') throw error;
      mended.push({ is: 'failed', reason: describeError(error) });
    }
  }
  return mended;
}

function refuseUnlessLoaded(mapping: TableMapping, { phase }: StandingRows): void {
  if (phase !== 'new' && phase !== 'stopped') return;
  const why = phase === 'new' ? 'was not preloaded yet' : 'is stopped';
  throw new ElstreamError('TABLE_NOT_LIVE', 'refuse', `table ${mapping.id} ${why}: its rows cannot be mended one by one; start a run of all stages for it`, { place: { table: mapping.id } });
}

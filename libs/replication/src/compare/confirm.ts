import { describeError, describeKey, ElstreamError, failpoint, isHeldByAll, keyIdentity, legible, ruleHolds, sleep, type Cell, type TableMapping } from '@elstream/core';
import type { StreamMoment } from '@elstream/change-stream';
import type { SourceDatabase } from '@elstream/source';
import type { Difference } from '../overview/overview';
import type { TaskContext } from '../tasks/task-context';
import { awaitReadable } from '../transaction-wait';
import { byKey, judge, slices, type StandingAt } from './compare-rows';
import { standingAt } from './held-keys';
import { streamPasses } from '../stream/passes';
import { bytesOfCells, type Tally } from './tally';

const BETWEEN_ROUNDS_MS = 200;

export interface Confirmed {
  readonly differences: readonly Difference[];
  /** Keys still undecided: in flight whenever looked at, or the stream stood still, or the table was loaded anew meanwhile. */
  readonly unverified: number;
}

type Key = readonly string[];
type Rows = ReadonlyMap<string, readonly Cell[]>;

/**
 * R8 for keys that looked unequal. Per round: A is noted, the transactions then in progress are awaited (a commit below A
 * may not be visible yet), the source is read, B is noted, the stream passes B, the warehouse is read: rows, markers and
 * epoch at one moment. What is newer than A is looked at again, in a new round. The use of the table stands since before
 * the first A, so every delete above it has left a marker.
 *
 * All suspects' rows are held at once: the caller hands over some thousands at most. Notes in `tally` why nothing more can
 * be decided: `stalled`, `superseded`.
 */
export async function confirmDifferences(context: TaskContext, mapping: TableMapping, suspects: readonly Key[], tally: Tally): Promise<Confirmed> {
  const source = await context.pipeline.source();
  const differences: Difference[] = [];
  let open = suspects;
  const rounds = Math.max(1, context.pipeline.settings.maxRereads);
  for (let round = 1; open.length > 0 && round <= rounds; round += 1) {
    if (round > 1) await sleep(BETWEEN_ROUNDS_MS, context.signal);
    if (context.signal.aborted) break;
    const stream = await context.pipeline.stream();
    // Before the source read: what is of a later moment than A may be newer than the read.
    const a = await stream.moment(await source.endOfLog(), mapping.id);
    if (!(await becomesReadable(context, source))) {
      tally.stalled = true;
      break;
    }
    const ofSource = await sourceRows(context, source, { mapping, keys: open }, tally);
    await failpoint('validate:source-read');
    const b = await source.endOfLog();
    if (!(await streamPasses(context, b))) {
      tally.stalled = true;
      break;
    }
    tally.position = b;
    const judged = await judgeRound(context, mapping, { open, ofSource, a }, tally);
    if (judged === null) break;
    differences.push(...judged.differences);
    open = judged.inFlight;
  }
  return { differences, unverified: open.length };
}

/** False where a transaction stays open, or the replica behind, beyond the bound: then nothing can be decided, and a validation that waited on would keep all later ones from beginning. */
async function becomesReadable(context: TaskContext, source: SourceDatabase): Promise<boolean> {
  try {
    await awaitReadable(waitOf(context, source));
    return true;
  } catch (error) {
    if (!(error instanceof ElstreamError) || !['TRANSACTIONS_IN_PROGRESS', 'REPLICA_BEHIND'].includes(error.code)) throw error;
    context.logger.warn({ error: describeError(error) }, 'rows that look unequal cannot be decided: they count as unverified');
    return false;
  }
}

/** The wait before a source read (R4 (2)) as a task does it. */
export function waitOf({ pipeline, signal, logger, deps, moved }: TaskContext, source: SourceDatabase): Parameters<typeof awaitReadable>[0] {
  return { source, logger, clock: deps.clock, signal, moved, waitMs: pipeline.settings.transactionWaitMs };
}

interface Round {
  readonly open: readonly Key[];
  readonly ofSource: Rows;
  readonly a: StreamMoment;
}

interface Judged {
  readonly differences: readonly Difference[];
  readonly inFlight: readonly Key[];
}

/** Null: the table was loaded anew, or stopped, meanwhile; nothing of the round counts. */
async function judgeRound(context: TaskContext, mapping: TableMapping, round: Round, tally: Tally): Promise<Judged | null> {
  const { pipeline, moved } = context;
  const found: { readonly key: Key; readonly difference: Difference }[] = [];
  const inFlight: Key[] = [];
  for (const keys of slices(round.open, pipeline.settings.compareRows)) {
    moved();
    const stands = await standingAt(pipeline.warehouse, mapping, keys);
    tally.superseded = supersededBy(context, stands);
    if (tally.superseded !== null) return null;
    tally.bytesMoved += bytesOfCells(stands.at.flatMap(({ row }) => (row === null ? [] : [row])));
    keys.forEach((key, i) => {
      const row = round.ofSource.get(keyIdentity(mapping, key));
      const at: StandingAt = stands.at[i] ?? { standing: { is: 'nothing' }, row: null };
      const verdict = judge(mapping, row, at, round.a);
      if (verdict.is === 'in-flight') inFlight.push(key);
      else if (verdict.is === 'difference') found.push({ key, difference: differenceOf(context, mapping, { key, kind: verdict.kind, columns: verdict.columns, source: row, warehouse: at.row }) });
    });
  }
  const still = await unchangedSince(context, mapping, { keys: found.map((f) => f.key), ofSource: round.ofSource }, tally);
  return {
    differences: found.flatMap((f, i) => (still[i] === true ? [f.difference] : [])),
    inFlight: [...inFlight, ...found.flatMap((f, i) => (still[i] === true ? [] : [f.key]))],
  };
}

/** A table is compared in the epoch the validation was planned for, while it is live; what another preload leaves says nothing of this one. */
function supersededBy({ claim }: TaskContext, { epoch, phase }: { readonly epoch: number; readonly phase: string }): string | null {
  if (claim.epoch !== null && claim.epoch !== epoch) return 'the table was preloaded again meanwhile';
  return phase === 'live' ? null : `the table is ${phase} and no longer live`;
}

/**
 * Per key: whether the source still has just the row that was judged. A row mended or read again by key meanwhile is newer
 * than the version it keeps says, and a truncate leaves no markers; both show as a source row that is another one by now.
 */
async function unchangedSince(context: TaskContext, mapping: TableMapping, { keys, ofSource }: { readonly keys: readonly Key[]; readonly ofSource: Rows }, tally: Tally): Promise<boolean[]> {
  if (keys.length === 0) return [];
  if (!ruleHolds('R8-in-flight')) return keys.map(() => true);
  const now = await sourceRows(context, await context.pipeline.source(), { mapping, keys }, tally);
  return keys.map((key) => {
    const id = keyIdentity(mapping, key);
    const [before, after] = [ofSource.get(id), now.get(id)];
    return before === undefined || after === undefined ? before === after : before.every((cell, i) => cell === after[i]);
  });
}

interface Found {
  readonly key: Key;
  readonly kind: Difference['kind'];
  readonly columns: readonly string[];
  readonly source: readonly Cell[] | undefined;
  readonly warehouse: readonly Cell[] | null;
}

function differenceOf({ pipeline }: TaskContext, mapping: TableMapping, { key, kind, columns, source, warehouse }: Found): Difference {
  const found: Difference = { table: mapping.id, key: describeKey(mapping, key), cells: keptKey(key), of: 'row', kind, columns };
  if (!pipeline.settings.showValues || columns.length === 0) return found;
  const shown = new Set(columns);
  const values = mapping.columns.flatMap((column, i) => (shown.has(column.target) ? [{ source: shownCell(source?.[i]), warehouse: shownCell(warehouse?.[i]) }] : []));
  return { ...found, values };
}

const shownCell = (cell: Cell | undefined): Cell => (typeof cell === 'string' ? legible(cell) : null);

/** As reports and repairs can keep it, in JSON of either product; empty where they cannot: the key in words says which it is. */
export function keptKey(key: Key): Key {
  return key.every(isHeldByAll) ? key : [];
}

async function sourceRows({ pipeline, moved }: TaskContext, source: SourceDatabase, { mapping, keys }: { readonly mapping: TableMapping; readonly keys: readonly Key[] }, tally: Tally): Promise<Rows> {
  const rows: (readonly Cell[])[] = [];
  for (const slice of slices(keys, pipeline.settings.compareRows)) {
    moved();
    rows.push(...(await source.readByKeys(mapping, slice)));
  }
  tally.bytesMoved += bytesOfCells(rows);
  return byKey(mapping, rows, (row) => row);
}

import { describeKey, keyIdentity, sleep, type Cell, type LogPosition, type TableMapping } from '@elstream/core';
import type { SourceDatabase } from '@elstream/source';
import type { Difference } from '../overview/overview';
import type { TaskContext } from '../tasks/task-context';
import { awaitTransactions } from '../transaction-wait';
import { byKey, judge, slices, type StandingRow } from './compare-rows';
import { streamPasses } from './stream-passes';
import { bytesOfCells, type Tally } from './tally';

const BETWEEN_ROUNDS_MS = 200;

export interface Confirmed {
  readonly differences: readonly Difference[];
  /** Keys still undecided: in flight whenever looked at, or the stream stood still. */
  readonly unverified: number;
}

type Key = readonly string[];

/**
 * R8 for keys that looked unequal: per round A is noted, the transactions then in progress are awaited (a commit below A
 * may not be visible yet), the source is read, B is noted, the stream passes B, the warehouse is read. A row absent in the
 * warehouse in every round, though the source has it in each, is missing. All suspects' rows are held at once: the caller
 * hands over some thousands at most.
 */
export async function confirmDifferences(context: TaskContext, mapping: TableMapping, suspects: readonly Key[], tally: Tally): Promise<Confirmed> {
  const source = await context.pipeline.source();
  const differences: Difference[] = [];
  let open = suspects;
  let absent = new Set<string>();
  const rounds = Math.max(1, context.pipeline.settings.maxRereads);
  for (let round = 1; open.length > 0 && round <= rounds; round += 1) {
    if (round > 1) await sleep(BETWEEN_ROUNDS_MS, context.signal);
    const { pipeline, signal, logger, deps, moved } = context;
    const a = await source.endOfLog();
    await awaitTransactions({ source, logger, clock: deps.clock, signal, moved, waitMs: pipeline.settings.transactionWaitMs });
    const rows = await sourceRows(context, source, mapping, open);
    tally.bytesMoved += bytesOfCells(rows);
    const b = await source.endOfLog();
    if (!(await streamPasses(context, source, b))) {
      tally.stalled = true;
      return { differences, unverified: open.length };
    }
    tally.position = b;
    const judged = await judgeRound(context, mapping, { open, ofSource: byKey(mapping, rows, (row) => row), a }, tally);
    differences.push(...judged.differences);
    const stillAbsent = new Set(judged.absent.map((key) => keyIdentity(mapping, key)));
    // Absent now but not in an earlier round, or the other way round: it moves, so it never counts as missing.
    absent = round === 1 ? stillAbsent : new Set([...absent].filter((id) => stillAbsent.has(id)));
    open = [...judged.newer, ...judged.absent];
  }
  const missing = open.filter((key) => absent.has(keyIdentity(mapping, key)));
  differences.push(...missing.map((key) => difference(mapping, key, 'missing', [])));
  return { differences, unverified: open.length - missing.length };
}

interface Round {
  readonly open: readonly Key[];
  readonly ofSource: ReadonlyMap<string, readonly Cell[]>;
  readonly a: LogPosition;
}

async function judgeRound({ pipeline }: TaskContext, mapping: TableMapping, round: Round, tally: Tally): Promise<{ differences: Difference[]; newer: Key[]; absent: Key[] }> {
  const out = { differences: [] as Difference[], newer: [] as Key[], absent: [] as Key[] };
  for (const keys of slices(round.open, pipeline.settings.compareRows)) {
    const found = await pipeline.warehouse.readByKeys(mapping, keys);
    tally.bytesMoved += bytesOfCells(found.map((r) => r.row));
    const standing: Map<string, StandingRow> = byKey(mapping, found, (r) => r.row);
    for (const key of keys) {
      const id = keyIdentity(mapping, key);
      const verdict = judge(mapping, round.ofSource.get(id), standing.get(id), round.a);
      if (verdict.is === 'difference') out.differences.push(difference(mapping, key, verdict.kind, verdict.columns));
      else if (verdict.is === 'undecided') out[verdict.because].push(key);
    }
  }
  return out;
}

function difference(mapping: TableMapping, key: Key, kind: Difference['kind'], columns: readonly string[]): Difference {
  return { table: mapping.id, key: describeKey(mapping, key), cells: key, of: 'row', kind, columns };
}

async function sourceRows(context: TaskContext, source: SourceDatabase, mapping: TableMapping, keys: readonly Key[]): Promise<readonly (readonly Cell[])[]> {
  const rows: (readonly Cell[])[] = [];
  for (const slice of slices(keys, context.pipeline.settings.compareRows)) rows.push(...(await source.readByKeys(mapping, slice)));
  return rows;
}

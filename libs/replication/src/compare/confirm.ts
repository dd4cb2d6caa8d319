import { describeKey, hasPassedDirect, keyIdentity, sleep, type Cell, type LogPosition, type TableMapping } from '@elstream/core';
import type { SourceDatabase } from '@elstream/source';
import type { Difference } from '../overview/overview';
import type { TaskContext } from '../tasks/task-context';
import { awaitTransactions } from '../transaction-wait';
import { byKey, judge, slices, type StandingRow } from './compare-rows';

const BETWEEN_ROUNDS_MS = 200;
const POLL_MS = 100;
/** The stream gets this long to pass B by itself before a counter is written to move an idle source on. */
const NUDGE_AFTER_MS = 250;
const NUDGE_EVERY_MS = 2_000;

export interface Confirmed {
  readonly differences: readonly Difference[];
  /** Keys still undecided: in flight whenever looked at, or the stream stood still. */
  readonly unverified: number;
}

type Key = readonly string[];

/**
 * R8 for keys that looked unequal: per round A is noted, the transactions then in progress are awaited (a commit below A
 * may not be visible yet), the source is read, B is noted, the stream passes B, the warehouse is read. A row absent in the
 * warehouse in every round, though the source has it in each, is missing.
 */
export async function confirmDifferences(context: TaskContext, mapping: TableMapping, suspects: readonly Key[]): Promise<Confirmed> {
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
    const ofSource = await sourceRows(context, source, mapping, open);
    const b = await source.endOfLog();
    if (!(await streamPasses(context, source, b))) return { differences, unverified: open.length };
    const judged = await judgeRound(context, mapping, { open, ofSource, a });
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

async function judgeRound({ pipeline }: TaskContext, mapping: TableMapping, round: Round): Promise<{ differences: Difference[]; newer: Key[]; absent: Key[] }> {
  const out = { differences: [] as Difference[], newer: [] as Key[], absent: [] as Key[] };
  for (const keys of slices(round.open, pipeline.settings.compareRows)) {
    const standing: Map<string, StandingRow> = byKey(mapping, await pipeline.warehouse.readByKeys(mapping, keys), (r) => r.row);
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
  return { table: mapping.id, key: describeKey(mapping, key), kind, columns };
}

async function sourceRows(context: TaskContext, source: SourceDatabase, mapping: TableMapping, keys: readonly Key[]): Promise<ReadonlyMap<string, readonly Cell[]>> {
  const rows: (readonly Cell[])[] = [];
  for (const slice of slices(keys, context.pipeline.settings.compareRows)) rows.push(...(await source.readByKeys(mapping, slice)));
  return byKey(mapping, rows, (row) => row);
}

/** True once the checkpoint has passed `b`; false when the stream stands still or the bound is reached. */
async function streamPasses({ deps, pipeline, signal, moved }: TaskContext, source: SourceDatabase, b: LogPosition): Promise<boolean> {
  const began = deps.clock();
  let nudgeAt = began + NUDGE_AFTER_MS;
  while (!signal.aborted) {
    moved();
    const checkpoint = await pipeline.warehouse.readCheckpoint(pipeline.name, 0);
    if (checkpoint !== null && hasPassedDirect(checkpoint.next, b)) return true;
    const record = await deps.store.readPipeline(pipeline.name);
    if (record === null || record.paused || record.gapReason !== null || record.streamError !== null) return false;
    const now = deps.clock();
    if (now - began >= pipeline.settings.validationWaitMs) return false;
    if (now >= nudgeAt) {
      nudgeAt = now + NUDGE_EVERY_MS;
      await source.emitCounter(await deps.store.nextCounter(pipeline.name));
    }
    await sleep(POLL_MS, signal);
  }
  return false;
}

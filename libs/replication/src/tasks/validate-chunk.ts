import { ElstreamError, hasHashMask, type TableMapping } from '@elstream/core';
import { expectedRows, suspectsByChecksums } from '../compare/by-checksums';
import { suspectsByKeys, suspectsByRows } from '../compare/by-rows';
import { slices } from '../compare/compare-rows';
import { confirmDifferences } from '../compare/confirm';
import { compareHistory } from '../compare/history';
import { keepPace } from '../compare/pace';
import { newTally, type Tally } from '../compare/tally';
import type { Difference } from '../overview/overview';
import { keysOf } from './key-range';
import { mappingOf, type TaskContext, type TaskHandler, type TaskOutcome } from './task-context';

/** Differences kept per task, for reports and repairs; all are counted. */
const KEPT_DIFFERENCES = 10_000;
/** A range whose statements take longer than they may is given up after so many tries: it would be tried for ever. */
const TIMEOUT_TRIES = 3;

/**
 * R8: compares one range, or some keys, or one range of copied history. The first pass only finds suspects; what looks
 * unequal is decided by `confirmDifferences`, some thousands of keys at a time, so that a table that is mostly different is
 * not held in memory either. Results and logs hold names and keys, no other values, but for those the pipeline lets
 * reports show.
 */
export const validateChunk: TaskHandler = async (context) => {
  const mapping = await mappingOf(context);
  const began = context.deps.clock();
  const tally = newTally();
  try {
    const settled = context.task.payload['of'] === 'history' ? await settleHistory(context, mapping, tally) : await settleSuspects(context, mapping, tally);
    const ms = context.deps.clock() - began;
    await keepPace(context, tally.rows);
    return report(context, mapping, { settled, tally, ms });
  } catch (error) {
    if (!(error instanceof ElstreamError && error.code === 'DB_TIMEOUT') || context.task.attempt < TIMEOUT_TRIES) throw error;
    // One at least: what nobody looked at is no good validation, whatever statistics say.
    const unverified = Math.max(1, expectedRows(context.task.payload, mapping));
    context.logger.warn({ error: error.message, unverified, attempt: context.task.attempt }, 'range given up: its statements take longer than they may');
    const note = `not compared: a statement over the range took longer than its timeout, ${String(TIMEOUT_TRIES)} times; lower chunkRows, or raise the statement timeout for a table that is compared as one range`;
    return report(context, mapping, { settled: { ...nothing(), unverified }, tally: newTally(), ms: context.deps.clock() - began, note });
  }
};

interface Found {
  readonly settled: Settled;
  readonly tally: Tally;
  readonly ms: number;
  readonly note?: string;
}

function report({ deps, pipeline, task, logger }: TaskContext, mapping: TableMapping, { settled, tally, ms, note }: Found): TaskOutcome {
  const { missing, unequal, extra, unverified } = settled;
  const differences = missing + unequal + extra;
  const ofHistory = task.payload['of'] === 'history';
  // The warehouse's own ranges hold rows that the source's have counted; versions are no rows.
  const rows = task.payload['rangesOf'] === 'warehouse' || ofHistory ? 0 : tally.rows;
  deps.observer.rowsCompared(pipeline.name, mapping.id, { rows, differences, unverified });
  const position = tally.position?.hex ?? null;
  const summary = { rows, differences, unverified, suspects: settled.suspects, bytesMoved: tally.bytesMoved, position, ms };
  if (differences > 0) logger.warn(summary, 'differences found');
  else logger.debug(summary, 'range compared');
  return {
    outcome: 'done',
    result: {
      rows,
      rowsCompared: rows,
      // Extra rows are none of the source's; an unverified key may be none either.
      equal: ofHistory ? 0 : Math.max(0, rows - missing - unequal - unverified),
      unverified,
      differenceCount: differences,
      differences: settled.kept,
      bucketsNarrowed: tally.bucketsNarrowed,
      bytesMoved: tally.bytesMoved,
      position,
      ms,
      ...(ofHistory ? { versions: tally.rows } : {}),
      ...(tally.superseded === null ? {} : { superseded: tally.superseded }),
      ...(note === undefined ? {} : { note }),
    },
  };
}

type Settled = Record<Difference['kind'] | 'unverified' | 'suspects', number> & { readonly kept: Difference[] };

function nothing(): Settled {
  return { missing: 0, unequal: 0, extra: 0, unverified: 0, suspects: 0, kept: [] };
}

function add(settled: Settled, differences: readonly Difference[]): void {
  for (const { kind } of differences) settled[kind] += 1;
  settled.kept.push(...differences.slice(0, KEPT_DIFFERENCES - settled.kept.length));
}

async function settleHistory(context: TaskContext, mapping: TableMapping, tally: Tally): Promise<Settled> {
  const settled = nothing();
  const { differences, unverified } = await compareHistory(context, mapping, tally);
  stopIfTold(context);
  add(settled, differences);
  settled.unverified = unverified;
  settled.suspects = differences.length + unverified;
  return settled;
}

async function settleSuspects(context: TaskContext, mapping: TableMapping, tally: Tally): Promise<Settled> {
  const settled = nothing();
  const atOnce = context.pipeline.settings.compareRows;
  const settle = async (keys: readonly (readonly string[])[]): Promise<void> => {
    settled.suspects += keys.length;
    // Once the stream stands still there is no use in waiting for it again with every piece.
    const decidable = !tally.stalled && tally.superseded === null;
    const { differences, unverified } = decidable ? await confirmDifferences(context, mapping, keys, tally) : { differences: [], unverified: keys.length };
    stopIfTold(context);
    add(settled, differences);
    settled.unverified += unverified;
  };
  let open: (readonly string[])[] = [];
  for await (const found of suspectsOf(context, mapping, tally)) {
    const pieces = slices([...open, ...found], atOnce);
    open = pieces.pop() ?? [];
    for (const piece of pieces) await settle(piece);
  }
  if (open.length > 0) await settle(open);
  stopIfTold(context);
  return settled;
}

function suspectsOf(context: TaskContext, mapping: TableMapping, tally: Tally): AsyncGenerator<readonly (readonly string[])[]> {
  const keys = keysOf(context.task.payload);
  if (keys !== null) return suspectsByKeys(context, mapping, keys, tally);
  return hasHashMask(mapping) ? suspectsByRows(context, mapping, tally) : suspectsByChecksums(context, mapping, tally);
}

function stopIfTold({ signal }: TaskContext): void {
  if (signal.aborted) throw new ElstreamError('STOPPING', 'retry', 'stopped while comparing');
}

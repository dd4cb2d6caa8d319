import { ElstreamError, hasHashMask, type TableMapping } from '@elstream/core';
import { suspectsByChecksums } from '../compare/by-checksums';
import { suspectsByRows } from '../compare/by-rows';
import { slices } from '../compare/compare-rows';
import { confirmDifferences } from '../compare/confirm';
import { newTally, type Tally } from '../compare/tally';
import type { Difference } from '../overview/overview';
import { mappingOf, type TaskContext, type TaskHandler } from './task-context';

/** Differences kept per task; all are counted. */
const KEPT_DIFFERENCES = 100;

/**
 * R8: compares one range. The first pass only finds suspects; what looks unequal is decided by `confirmDifferences`, some
 * thousands of keys at a time, so that a table that is mostly different is not held in memory either. Results and logs
 * hold names and keys, no other values.
 */
export const validateChunk: TaskHandler = async (context) => {
  const { deps, pipeline, task, logger } = context;
  const mapping = await mappingOf(context);
  const began = deps.clock();
  const tally = newTally();
  const found = await settleSuspects(context, mapping, tally);
  const { missing, unequal, extra, unverified } = found;
  const differences = missing + unequal + extra;
  // The warehouse's own ranges hold rows that the source's have counted.
  const rows = task.payload['rangesOf'] === 'warehouse' ? 0 : tally.rows;
  deps.observer.rowsCompared(pipeline.name, mapping.id, { rows, differences, unverified });
  const ms = deps.clock() - began;
  const report = { rows, differences, unverified, suspects: found.suspects, bytesMoved: tally.bytesMoved, position: tally.position?.hex ?? null, ms };
  if (differences > 0) logger.warn(report, 'differences found');
  else logger.debug(report, 'range compared');
  return {
    outcome: 'done',
    result: {
      rows,
      rowsCompared: rows,
      // Extra rows are none of the source's; an unverified key may be none either.
      equal: Math.max(0, rows - missing - unequal - unverified),
      unverified,
      differenceCount: differences,
      differences: found.kept,
      bucketsNarrowed: tally.bucketsNarrowed,
      bytesMoved: tally.bytesMoved,
      position: report.position,
      ms,
    },
  };
};

type Settled = Record<Difference['kind'] | 'unverified' | 'suspects', number> & { readonly kept: Difference[] };

async function settleSuspects(context: TaskContext, mapping: TableMapping, tally: Tally): Promise<Settled> {
  const settled: Settled = { missing: 0, unequal: 0, extra: 0, unverified: 0, suspects: 0, kept: [] };
  const atOnce = context.pipeline.settings.compareRows;
  const settle = async (keys: readonly (readonly string[])[]): Promise<void> => {
    settled.suspects += keys.length;
    // Once the stream stands still there is no use in waiting for it again with every piece.
    const { differences, unverified } = tally.stalled ? { differences: [], unverified: keys.length } : await confirmDifferences(context, mapping, keys, tally);
    if (context.signal.aborted) throw new ElstreamError('STOPPING', 'retry', 'stopped while comparing');
    for (const { kind } of differences) settled[kind] += 1;
    settled.unverified += unverified;
    settled.kept.push(...differences.slice(0, KEPT_DIFFERENCES - settled.kept.length));
  };
  let open: (readonly string[])[] = [];
  for await (const found of hasHashMask(mapping) ? suspectsByRows(context, mapping, tally) : suspectsByChecksums(context, mapping, tally)) {
    const pieces = slices([...open, ...found], atOnce);
    open = pieces.pop() ?? [];
    for (const piece of pieces) await settle(piece);
  }
  if (open.length > 0) await settle(open);
  if (context.signal.aborted) throw new ElstreamError('STOPPING', 'retry', 'stopped while comparing');
  return settled;
}

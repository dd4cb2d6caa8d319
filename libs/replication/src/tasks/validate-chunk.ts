import { ElstreamError, decodeRows, keyIdentity, keyOfRow, type Cell, type TableMapping } from '@elstream/core';
import { byKey, slices, unequalColumns } from '../compare/compare-rows';
import { confirmDifferences } from '../compare/confirm';
import { rangeOf } from './key-range';
import { mappingOf, type TaskContext, type TaskHandler } from './task-context';

/** Differences kept per task; all are counted. */
const KEPT_DIFFERENCES = 100;

/**
 * R8: compares one range, cell text by cell text. The first pass only finds suspects: a row equal at some moment is
 * equal. What looks unequal is decided by `confirmDifferences`. Results and logs hold names and keys, no other values.
 */
export const validateChunk: TaskHandler = async (context) => {
  const { deps, pipeline, task, signal, logger } = context;
  const mapping = await mappingOf(context);
  const began = deps.clock();
  const found = task.payload['direction'] === 'warehouse' ? await extraInWarehouse(context, mapping) : await differingFromSource(context, mapping);
  const { differences, unverified } = await confirmDifferences(context, mapping, found.suspects);
  if (signal.aborted) throw new ElstreamError('STOPPING', 'retry', 'stopped while comparing');
  deps.observer.rowsCompared(pipeline.name, mapping.id, { rows: found.rows, differences: differences.length, unverified });
  const ms = deps.clock() - began;
  const report = { rows: found.rows, differences: differences.length, unverified, suspects: found.suspects.length, ms };
  if (differences.length > 0) logger.warn(report, 'differences found');
  else logger.debug(report, 'range compared');
  return {
    outcome: 'done',
    result: {
      rows: found.rows,
      rowsCompared: found.rows,
      equal: found.rows - differences.length - unverified,
      differenceCount: differences.length,
      differences: differences.slice(0, KEPT_DIFFERENCES),
      unverified,
    },
  };
};

interface FirstPass {
  readonly rows: number;
  readonly suspects: readonly (readonly string[])[];
}

async function differingFromSource({ pipeline, task, signal, moved }: TaskContext, mapping: TableMapping): Promise<FirstPass> {
  const source = await pipeline.source();
  const read = await source.readChunk(mapping, rangeOf(task.payload), signal);
  const suspects: (readonly string[])[] = [];
  let rows = 0;
  let piece: Cell[][] = [];
  const compare = async (): Promise<void> => {
    moved();
    const keys = piece.map((row) => keyOfRow(mapping, row));
    const standing = byKey(mapping, await pipeline.warehouse.readByKeys(mapping, keys), (r) => r.row);
    piece.forEach((row, i) => {
      const key = keys[i] ?? [];
      const other = standing.get(keyIdentity(mapping, key));
      if (other === undefined || unequalColumns(mapping, row, other.row).length > 0) suspects.push(key);
    });
    rows += piece.length;
    piece = [];
  };
  for await (const row of decodeRows(read.rows)) {
    piece.push(row);
    if (piece.length >= pipeline.settings.compareRows) await compare();
  }
  if (piece.length > 0) await compare();
  return { rows, suspects };
}

async function extraInWarehouse({ pipeline, task, signal, moved }: TaskContext, mapping: TableMapping): Promise<FirstPass> {
  const source = await pipeline.source();
  const keys = await pipeline.warehouse.readKeys(mapping, rangeOf(task.payload));
  const suspects: (readonly string[])[] = [];
  for (const slice of slices(keys, pipeline.settings.compareRows)) {
    if (signal.aborted) break;
    moved();
    const there = byKey(mapping, await source.readByKeys(mapping, slice), (row) => row);
    suspects.push(...slice.filter((key) => !there.has(keyIdentity(mapping, key))));
  }
  return { rows: keys.length, suspects };
}

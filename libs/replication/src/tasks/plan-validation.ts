import type { NewTask } from '@elstream/control';
import { hasHashMask, type KeyRange } from '@elstream/core';
import type { RangesOf } from '../compare/by-rows';
import { ordersKeysAlike } from '../compare/key-order';
import { rangePayload } from './key-range';
import { mappingOf, type TaskHandler } from './task-context';

/**
 * Cuts a table into ranges of the source's keys; together they cover every key, so what is extra in the warehouse lies in
 * one of them too. A table whose keys the warehouse may order otherwise is one range. Tables with hashed columns are
 * compared row by row, in ranges of each side's own keys.
 */
export const planValidation: TaskHandler = async (context) => {
  const { pipeline, signal, task, moved } = context;
  const mapping = await mappingOf(context);
  const source = await pipeline.source();
  const follow: NewTask[] = [];
  const add = (range: KeyRange, more: { readonly rangesOf?: RangesOf; readonly rows?: number } = {}): void => {
    moved();
    follow.push({ kind: 'validate-chunk', table: mapping.id, epoch: task.epoch, payload: { ...rangePayload(range), ...more } });
  };
  if (hasHashMask(mapping)) {
    for await (const range of source.planChunks(mapping, signal)) add(range, { rangesOf: 'source' });
    for await (const range of pipeline.warehouse.planChunks(mapping, signal)) add(range, { rangesOf: 'warehouse' });
  } else if (ordersKeysAlike(mapping)) {
    for await (const range of source.planChunks(mapping, signal)) add(range);
  } else {
    add({ from: null, to: null }, { rows: await pipeline.warehouse.countRows(mapping) });
  }
  return { outcome: 'done', result: { chunks: follow.length }, follow };
};

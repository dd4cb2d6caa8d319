import type { NewTask } from '@elstream/control';
import type { KeyRange } from '@elstream/core';
import { rangePayload } from './key-range';
import { mappingOf, type TaskHandler } from './task-context';

export type CompareDirection = 'source' | 'warehouse';

/** Cuts both sides into ranges of their own keys: the source's find what is missing or unequal, the warehouse's what is extra. */
export const planValidation: TaskHandler = async (context) => {
  const { pipeline, signal, task, moved } = context;
  const mapping = await mappingOf(context);
  const source = await pipeline.source();
  const follow: NewTask[] = [];
  const add = async (direction: CompareDirection, ranges: AsyncIterable<KeyRange>): Promise<void> => {
    for await (const range of ranges) {
      moved();
      follow.push({ kind: 'validate-chunk', table: mapping.id, epoch: task.epoch, payload: { direction, ...rangePayload(range) } });
    }
  };
  await add('source', source.planChunks(mapping, signal));
  await add('warehouse', pipeline.warehouse.planChunks(mapping, signal));
  return { outcome: 'done', result: { chunks: follow.length }, follow };
};

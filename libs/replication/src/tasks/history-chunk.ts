import { failpoint } from '@elstream/core';
import { rangeOf } from './key-range';
import { mappingOf, type TaskHandler } from './task-context';

/**
 * R13: copies one range of the history the source keeps. Unfenced, as merging the same versions twice adds nothing; keys
 * that events touch meanwhile are noted by their batches and copied again by the stream's side.
 */
export const historyChunk: TaskHandler = async (context) => {
  const { deps, pipeline, signal, logger, task, moved } = context;
  const mapping = await mappingOf(context);
  const source = await pipeline.source();
  const began = deps.clock();
  const read = await source.readHistory(mapping, { range: rangeOf(task.payload) }, signal);
  const added = await pipeline.warehouse.mergeHistory({ pipeline: pipeline.name, mapping, rows: historyRows(read.rows, moved), settles: [] });
  deps.observer.historyMerged(pipeline.name, mapping.id, added);
  const ms = deps.clock() - began;
  logger.debug({ rows: read.count(), added, ms }, 'history copied');
  return { outcome: 'done', result: { rows: read.count(), added, ms } };
};

/** The failpoint stands where all versions have been read and none is merged. */
export async function* historyRows(rows: AsyncIterable<Uint8Array>, moved: () => void): AsyncGenerator<Uint8Array> {
  for await (const piece of rows) {
    moved();
    yield piece;
  }
  await failpoint('history:read-before-write');
}

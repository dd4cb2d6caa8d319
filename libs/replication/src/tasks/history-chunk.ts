import { ElstreamError } from '@elstream/core';
import { describeRefused, mergeHistoryRange, refusedOf } from '../merge-history';
import { rangeOf } from './key-range';
import { mappingOf, type TaskHandler } from './task-context';

/**
 * R13: copies one range of the history the source keeps. Unfenced, as merging the same versions twice adds nothing; keys
 * that events touch meanwhile are noted by their batches and copied again by the stream's side. Versions the warehouse
 * cannot hold are left out and named: validation finds them missing until they fit.
 *
 * @throws ElstreamError `HISTORY_REFUSED` (stop) where there are some and the pipeline's policy is to stop (R7)
 */
export const historyChunk: TaskHandler = async (context) => {
  const { deps, pipeline, signal, logger, task, moved } = context;
  const mapping = await mappingOf(context);
  const began = deps.clock();
  const merged = await mergeHistoryRange({ pipeline, mapping, signal, moved }, rangeOf(task.payload));
  const { read: rows, added, refused } = merged;
  deps.observer.historyMerged(pipeline.name, mapping.id, added);
  const ms = deps.clock() - began;
  if (refused.length > 0) {
    const error = describeRefused(mapping, merged);
    if (pipeline.settings.deadLetters.policy === 'stop') throw new ElstreamError('HISTORY_REFUSED', 'stop', error, { place: { pipeline: pipeline.name, table: mapping.id } });
    logger.warn({ rows, added, refused: refused.length, error }, 'versions of rows are left out of the history');
  }
  logger.debug({ rows, added, ms }, 'history copied');
  return { outcome: 'done', result: { rows, added, ms, ...refusedOf(merged) } };
};

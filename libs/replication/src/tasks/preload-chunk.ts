import { failpoint } from '@elstream/core';
import { rangeOf } from './key-range';
import { mappingOf, type TaskHandler } from './task-context';

/** R4 (3): reads one range and has the warehouse merge it together with the task's `running → done`. */
export const preloadChunk: TaskHandler = async (context) => {
  const { deps, pipeline, claim, signal, logger, task, moved } = context;
  const mapping = await mappingOf(context);
  const source = await pipeline.source();
  const began = deps.clock();
  const read = await source.readChunk(mapping, rangeOf(task.payload), signal);
  const result = await pipeline.warehouse.loadChunk({ pipeline: pipeline.name, mapping, claim, rows: thenFailpoint(read.rows, moved) });
  if (result.outcome === 'lost') return { outcome: 'lost' };
  await failpoint('chunk:after-commit-before-report');
  const ms = deps.clock() - began;
  deps.observer.chunkLoaded(pipeline.name, mapping.id, { rows: result.rowsRead, ms });
  logger.debug({ rows: result.rowsRead, filled: result.rowsFilled, ms }, 'chunk loaded');
  return { outcome: 'completed' };
};

/** The failpoint stands where all rows have been read and none is merged. */
async function* thenFailpoint(rows: AsyncIterable<Uint8Array>, moved: () => void): AsyncGenerator<Uint8Array> {
  for await (const piece of rows) {
    moved();
    yield piece;
  }
  await failpoint('chunk:read-before-write');
}

import { describeError, failpoint, recoveryOf, type TableMapping } from '@elstream/core';
import type { ChunkResult } from '@elstream/warehouse';
import { rangeOf } from './key-range';
import { mappingOf, type TaskContext, type TaskHandler } from './task-context';

/**
 * R4 (3): reads one range and has the warehouse merge it together with the task's `running → done`. A range with a value
 * the warehouse cannot hold is read once more and merged row by row where needed: the culprits are parked, unless the
 * pipeline's policy is to stop (R7).
 */
export const preloadChunk: TaskHandler = async (context) => {
  const { deps, pipeline, logger } = context;
  const mapping = await mappingOf(context);
  const began = deps.clock();
  const result = await loadOrPark(context, mapping);
  if (result.outcome === 'lost') return { outcome: 'lost' };
  await failpoint('chunk:after-commit-before-report');
  const ms = deps.clock() - began;
  deps.observer.chunkLoaded(pipeline.name, mapping.id, { rows: result.rowsRead, ms });
  if (result.rowsParked > 0) {
    deps.observer.eventsParked(pipeline.name, mapping.id, result.rowsParked);
    logger.warn({ rows: result.rowsRead, parked: result.rowsParked, ms }, 'rows of the chunk were parked: the warehouse cannot hold them');
  }
  logger.debug({ rows: result.rowsRead, filled: result.rowsFilled, ms }, 'chunk loaded');
  return { outcome: 'completed' };
};

async function loadOrPark(context: TaskContext, mapping: TableMapping): Promise<ChunkResult> {
  const { policy, limit } = context.pipeline.settings.deadLetters;
  try {
    return await load(context, mapping, null);
  } catch (error) {
    if (recoveryOf(error) !== 'park' || policy === 'stop') throw error;
    context.logger.info({ error: describeError(error) }, 'a value of the chunk is refused: it is loaded again in small pieces');
    return load(context, mapping, { limit });
  }
}

async function load({ pipeline, claim, signal, task, moved }: TaskContext, mapping: TableMapping, park: { readonly limit: number } | null): Promise<ChunkResult> {
  const source = await pipeline.source();
  const read = await source.readChunk(mapping, rangeOf(task.payload), signal);
  const added = task.payload['added'];
  return pipeline.warehouse.loadChunk({
    pipeline: pipeline.name,
    mapping,
    claim,
    rows: thenFailpoint(read.rows, moved),
    ...(park === null ? {} : { park }),
    ...(Array.isArray(added) ? { added: added.filter((name) => typeof name === 'string') } : {}),
  });
}

/** The failpoint stands where all rows have been read and none is merged. */
async function* thenFailpoint(rows: AsyncIterable<Uint8Array>, moved: () => void): AsyncGenerator<Uint8Array> {
  for await (const piece of rows) {
    moved();
    yield piece;
  }
  await failpoint('chunk:read-before-write');
}

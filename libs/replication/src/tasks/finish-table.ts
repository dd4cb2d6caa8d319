import { failpoint } from '@elstream/core';
import { raiseCounter } from '../stream/passes';
import { epochOf, mappingOf, type TaskHandler } from './task-context';

/**
 * R4: closes the preload, then reads H, in that order, and notes it; the counter makes sure that the log of an idle
 * source goes beyond H. Repeated after a crash it closes nothing twice and notes a later H, which is as good.
 */
export const finishTable: TaskHandler = async (context) => {
  const { deps, pipeline, claim, logger, longStep } = context;
  const mapping = await mappingOf(context);
  const epoch = epochOf(context);
  await failpoint('preload:before-finish');
  const finished = await longStep(() => pipeline.warehouse.finishPreload(pipeline.name, mapping, claim));
  if (finished.outcome === 'lost') return { outcome: 'lost' };
  await failpoint('preload:after-finish');
  const source = await pipeline.source();
  const liveAt = await source.endOfLog();
  await pipeline.warehouse.setLiveAt(pipeline.name, mapping.id, epoch, liveAt);
  await raiseCounter(deps, pipeline);
  logger.info({ position: liveAt.hex, swept: finished.rowsSwept }, 'preload of the table finished, the stream catches up');
  return { outcome: 'done', result: { liveAt: liveAt.hex, rowsSwept: finished.rowsSwept } };
};

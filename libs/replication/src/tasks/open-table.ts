import { failpoint } from '@elstream/core';
import { awaitTransactions } from '../transaction-wait';
import { rangePayload } from './key-range';
import { mappingOf, type TaskHandler } from './task-context';

/**
 * R4, in this order and no other: (0) the epoch is raised, so that from here the stream's events count; (1) L0 is
 * read; (2) the transactions in progress are listed and awaited; then the chunks are planned, and become tasks in the
 * transaction that completes this one. A repetition after a crash raises nothing again and waits again.
 */
export const openTable: TaskHandler = async (context) => {
  const { deps, pipeline, claim, signal, logger, moved } = context;
  const mapping = await mappingOf(context);
  const source = await pipeline.source();
  const epoch = await pipeline.warehouse.beginPreload(pipeline.name, mapping, claim.runId);
  await failpoint('preload:epoch-raised');
  const l0 = await source.endOfLog();
  await failpoint('preload:start-position-read');
  await awaitTransactions({
    source,
    logger,
    clock: deps.clock,
    signal,
    moved,
    waitMs: pipeline.settings.transactionWaitMs,
    listed: () => failpoint('preload:transactions-listed'),
  });
  const follow = [];
  for await (const range of source.planChunks(mapping, signal)) {
    moved();
    follow.push({ kind: 'preload-chunk' as const, table: mapping.id, epoch, payload: rangePayload(range) });
  }
  return { outcome: 'done', result: { epoch, l0: l0.hex, chunks: follow.length }, follow };
};

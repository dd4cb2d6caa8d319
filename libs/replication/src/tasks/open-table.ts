import type { NewTask } from '@elstream/control';
import { ElstreamError, failpoint, TRUNCATED, type TableMapping } from '@elstream/core';
import { streamPasses } from '../stream/passes';
import { awaitReadable } from '../transaction-wait';
import { rangePayload } from './key-range';
import { mappingOf, type TaskContext, type TaskHandler } from './task-context';

const LOOK_BACK = 100;

/**
 * R4, in this order and no other: (0) the epoch is raised, so that from here the stream's events count; (1) L0 is
 * read; (2) the transactions in progress are listed and awaited, and a read replica has applied everything up to there;
 * then the chunks are planned, and become tasks in the transaction that completes this one. A repetition after a crash
 * raises nothing again and waits again.
 */
export const openTable: TaskHandler = async (context) => {
  const { deps, pipeline, claim, signal, logger, moved } = context;
  const mapping = await mappingOf(context);
  const source = await pipeline.source();
  await passTruncate(context, mapping);
  const epoch = await pipeline.warehouse.beginPreload(pipeline.name, mapping, claim.runId);
  await failpoint('preload:epoch-raised');
  const l0 = await source.endOfLog();
  await failpoint('preload:start-position-read');
  await awaitReadable({
    source,
    logger,
    clock: deps.clock,
    signal,
    moved,
    waitMs: pipeline.settings.transactionWaitMs,
    listed: () => failpoint('preload:transactions-listed'),
  });
  const added = await addedColumns(context, mapping);
  const follow: NewTask[] = [];
  for await (const range of source.planChunks(mapping, signal)) {
    moved();
    follow.push({ kind: 'preload-chunk', table: mapping.id, epoch, payload: { ...rangePayload(range), ...(added.length === 0 ? {} : { added }) } });
  }
  const chunks = follow.length;
  if (mapping.history?.kind === 'copied') {
    for await (const range of source.planHistory(mapping, signal)) {
      moved();
      follow.push({ kind: 'history-chunk', table: mapping.id, epoch, payload: rangePayload(range) });
    }
  }
  return { outcome: 'done', result: { epoch, l0: l0.hex, chunks, historyChunks: follow.length - chunks }, follow };
};

/**
 * Where a truncate could not be ordered among the table's partitions (R6), events from before it may still come in those
 * that lag: an epoch raised now would count them as newer than every chunk. So all that the log holds now is applied first.
 */
async function passTruncate(context: TaskContext, mapping: TableMapping): Promise<void> {
  const { pipeline } = context;
  const state = (await pipeline.warehouse.readTableStates(pipeline.name)).find(({ table }) => table === mapping.id);
  if (state?.stale?.startsWith(TRUNCATED) !== true) return;
  const source = await pipeline.source();
  if (await streamPasses(context, await source.endOfLog())) return;
  throw new ElstreamError('STREAM_BEHIND', 'retry', `table ${mapping.id} was truncated, and the stream has not applied all that came before; the preload begins when it has`, { place: { pipeline: pipeline.name, table: mapping.id } });
}

/**
 * Target columns added since the table was last preloaded to its end: the standing rows never had values there, so a fill
 * that brings them supersedes no version (R13). Only derived history asks.
 */
async function addedColumns({ deps, pipeline }: TaskContext, mapping: TableMapping): Promise<string[]> {
  if (mapping.history?.kind !== 'derived') return [];
  const { store } = deps;
  const changes = await store.readSchemaChanges({ pipeline: pipeline.name, table: mapping.id, state: 'followed', limit: LOOK_BACK });
  if (changes.length === 0) return [];
  const runs = await store.readRuns({ pipeline: pipeline.name, states: ['succeeded'], limit: LOOK_BACK });
  const last = runs.find((run) => run.stages.includes('preload') && run.tables.includes(mapping.id));
  const names = new Set(changes.filter(({ noticedAt }) => last === undefined || noticedAt > last.createdAt).flatMap(({ change }) => change.added));
  return mapping.columns.filter((column) => names.has(column.source)).map((column) => column.target);
}

import type { NewTask } from '@elstream/control';
import { failpoint, type TableMapping } from '@elstream/core';
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

import { ElstreamError, keyIdentity, type TableMapping } from '@elstream/core';
import { slices } from '../compare/compare-rows';
import { waitOf } from '../compare/confirm';
import { KEPT_REFUSED, mergeHistoryKeys } from '../merge-history';
import { awaitReadable } from '../transaction-wait';
import { keysOf } from './key-range';
import { mend, summaryOf, type Mended, type Repaired } from './mend';
import { replayDeadLetters } from './replay';
import { mappingOf, type TaskContext, type TaskHandler } from './task-context';

type Key = readonly string[];

/** Keys whose versions are read and merged at once. */
const HISTORY_KEYS = 100;

/**
 * R9: mends some keys of a table, or replays dead letters. The use of the table is opened first and ends with the run, by
 * the planner: other tasks of it need the markers as well. May be repeated at any point.
 *
 * @throws ElstreamError `TABLE_NOT_LIVE` (refuse) for a table that no preload has begun, or that was stopped
 */
export const repairRows: TaskHandler = async (context) => {
  const { deps, pipeline, task, logger } = context;
  const mapping = await mappingOf(context);
  await pipeline.warehouse.openUse({ pipeline: pipeline.name, mapping, runId: task.runId });
  const result = await repair(context, mapping);
  const { repaired, deleted, unchanged, moved, failed } = result;
  if (task.payload['of'] !== 'history') deps.observer.rowsRepaired(pipeline.name, mapping.id, { repaired: repaired + deleted, unchanged, moved });
  logger.info({ repaired, deleted, unchanged, moved, failed }, task.payload['deadLetters'] === undefined ? 'rows mended' : 'dead letters replayed');
  return { outcome: 'done', result: { ...result } };
};

function repair(context: TaskContext, mapping: TableMapping): Promise<Repaired> {
  const { payload } = context.task;
  const { deadLetters } = payload;
  if (Array.isArray(deadLetters)) return replayDeadLetters(context, mapping, deadLetters.map(String));
  const keys = keysOf(payload);
  if (keys === null) throw new ElstreamError('TASK_PAYLOAD', 'stop', 'a repair holds neither keys nor dead letters; cancel the run and start a new one');
  return payload['of'] === 'history' ? repairHistory(context, mapping, keys) : repairKeys(context, mapping, keys);
}

async function repairKeys(context: TaskContext, mapping: TableMapping, keys: readonly Key[]): Promise<Repaired> {
  const unique = [...new Map(keys.map((key) => [keyIdentity(mapping, key), key])).values()];
  const mended: Mended[] = [];
  for (const piece of slices(unique, context.pipeline.settings.compareRows)) mended.push(...(await mend(context, mapping, piece.map((key) => ({ key })))));
  return summaryOf(mapping, unique, mended);
}

/**
 * Copied history: the versions the source has of these keys are merged; what is there already stays as it is. `repaired`
 * counts versions; keys of which none was added are unchanged, about, as several are merged at once.
 */
async function repairHistory(context: TaskContext, mapping: TableMapping, keys: readonly Key[]): Promise<Repaired> {
  const source = await context.pipeline.source();
  await awaitReadable(waitOf(context, source));
  const found = { repaired: 0, unchanged: 0, refused: [] as { key: string; reason: string }[] };
  const { deps, pipeline, signal, moved } = context;
  for (const piece of slices(keys, HISTORY_KEYS)) {
    if (signal.aborted) throw new ElstreamError('STOPPING', 'retry', 'stopped while mending history');
    const { added, refused } = await mergeHistoryKeys({ pipeline, mapping, signal, moved }, piece);
    deps.observer.historyMerged(pipeline.name, mapping.id, added);
    found.repaired += added;
    found.unchanged += Math.max(0, piece.length - added - new Set(refused.map(({ key }) => key)).size);
    found.refused.push(...refused);
  }
  return { ...found, refused: found.refused.slice(0, KEPT_REFUSED), deleted: 0, moved: 0, failed: found.refused.length };
}

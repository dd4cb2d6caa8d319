import type { NewTask, Run, ValidationRecord } from '@elstream/control';
import { ElstreamError, LogPosition, hasHashMask, type KeyRange, type TableMapping } from '@elstream/core';
import { slices } from '../compare/compare-rows';
import type { RangesOf } from '../compare/by-rows';
import { ordersKeysAlike } from '../compare/key-order';
import { rangePayload } from './key-range';
import { commonRange, sampleOf, scopeName } from './scope';
import { mappingOf, type TaskContext, type TaskHandler } from './task-context';

/** More changed keys than this are no cheaper to look at than the whole table. */
const CHANGED_KEYS = 100_000;
const LOOK_BACK = 20;

type Payload = Readonly<Record<string, unknown>>;

/**
 * Opens the use of the table, so that from here deletes leave markers (R5), then notes A, then cuts the table into the
 * pieces the run asks for: ranges of the source's keys, which together cover every key, so that what is extra in the
 * warehouse lies in one of them too; or keys that have changed. A table whose keys the warehouse may order otherwise is one
 * range. Tables with hashed columns are compared row by row, in ranges of each side's own keys. Versions of copied history
 * are compared in ranges of their own.
 *
 * @throws ElstreamError `RANGE_NOT_COMPARABLE`, `RANGE_INVALID` (refuse)
 */
export const planValidation: TaskHandler = async (context) => {
  const { deps, pipeline, task, moved } = context;
  const mapping = await mappingOf(context);
  const source = await pipeline.source();
  const run = await deps.store.readRun(task.runId);
  if (run === null) return { outcome: 'lost' };
  refuseIncomparable(run, mapping);
  await pipeline.warehouse.openUse({ pipeline: pipeline.name, mapping, runId: run.id });
  const position = await source.endOfLog();
  moved();
  const changed = run.scope.changed === true ? await changedPieces(context, run, mapping) : null;
  const payloads = changed ?? (await rangePieces(context, run, mapping));
  const scope = run.scope.changed === true && changed === null ? 'full' : scopeName(run.scope);
  const follow = payloads.map((payload): NewTask => ({ kind: 'validate-chunk', table: mapping.id, epoch: task.epoch, payload }));
  return { outcome: 'done', result: { chunks: follow.length, position: position.hex, scope }, follow };
};

function refuseIncomparable({ scope }: Run, mapping: TableMapping): void {
  if (scope.range === undefined) return;
  const masked = mapping.key.some((index) => (mapping.columns[index]?.mask ?? null) !== null);
  if (masked || !ordersKeysAlike(mapping)) {
    throw new ElstreamError('RANGE_NOT_COMPARABLE', 'refuse', `the warehouse may order the keys of ${mapping.id} otherwise than the source, so a range of them is not the same rows on both sides; validate the whole table`, { place: { table: mapping.id } });
  }
  if (commonRange(mapping, scope.range, scope.range) === null) {
    throw new ElstreamError('RANGE_INVALID', 'refuse', `the range ends before it begins; give a \`to\` above \`from\``, { place: { table: mapping.id } });
  }
}

async function rangePieces(context: TaskContext, run: Run, mapping: TableMapping): Promise<Payload[]> {
  const { pipeline, signal } = context;
  const source = await pipeline.source();
  const alike = ordersKeysAlike(mapping);
  const pieces: Payload[] = [];
  const cut = async (ranges: AsyncIterable<KeyRange>, more: { readonly rangesOf?: RangesOf; readonly of?: 'history' } = {}): Promise<void> => {
    const found: KeyRange[] = [];
    for await (const planned of ranges) {
      context.moved();
      const range = run.scope.range === undefined ? planned : commonRange(mapping, planned, run.scope.range);
      if (range !== null) found.push(range);
    }
    const chosen = run.scope.samplePercent === undefined ? found : sampleOf(found, run.scope.samplePercent);
    pieces.push(...chosen.map((range) => ({ ...rangePayload(range), ...more })));
  };
  if (hasHashMask(mapping)) {
    await cut(source.planChunks(mapping, signal), { rangesOf: 'source' });
    await cut(pipeline.warehouse.planChunks(mapping, signal), { rangesOf: 'warehouse' });
    // The hash needs a secret that no database gets: versions with one cannot be compared inside them.
    return pieces;
  }
  if (alike) await cut(source.planChunks(mapping, signal));
  else pieces.push({ ...rangePayload({ from: null, to: null }), rows: await pipeline.warehouse.countRows(mapping) });
  if (mapping.history?.kind === 'copied') {
    if (alike) await cut(source.planHistory(mapping, signal), { of: 'history' });
    else pieces.push({ ...rangePayload({ from: null, to: null }), of: 'history' });
  }
  return pieces;
}

/** Null: everything has to be looked at, as the table was not found equal since its last preload, or too much has changed. */
async function changedPieces({ pipeline, deps, logger }: TaskContext, run: Run, mapping: TableMapping): Promise<Payload[] | null> {
  const good = await lastGood({ pipeline, deps }, mapping);
  if (good === null) return null;
  const since = justBelow(LogPosition.parse(good.position));
  const keys = await pipeline.warehouse.changedKeys(mapping, since, CHANGED_KEYS);
  logger.debug({ keys: keys.length, position: good.position, runId: run.id }, 'rows changed since the table was last found equal');
  return keys.length > CHANGED_KEYS ? null : slices(keys, pipeline.settings.compareRows).map((piece) => ({ keys: piece }));
}

/** The newest good validation that covers the whole table as it was last preloaded: rows of a later preload have no position to be found by. */
async function lastGood({ pipeline, deps }: Pick<TaskContext, 'pipeline' | 'deps'>, mapping: TableMapping): Promise<ValidationRecord | null> {
  const { store } = deps;
  const records = await store.readValidations({ pipeline: pipeline.name, table: mapping.id, good: true, limit: LOOK_BACK });
  const good = records.find(({ scope }) => scope === 'full' || scope === 'changed');
  if (good === undefined) return null;
  const state = (await pipeline.warehouse.readTableStates(pipeline.name)).find(({ table }) => table === mapping.id);
  const preloadedBy = state?.runId ?? null;
  if (preloadedBy === null || preloadedBy === good.runId) return good;
  const [load, validation] = await Promise.all([store.readRun(preloadedBy), store.readRun(good.runId)]);
  return load !== null && validation !== null && validation.createdAt >= load.createdAt ? good : null;
}

/** A commit exactly at the position noted came after it was noted. */
function justBelow(position: LogPosition): LogPosition {
  const value = position.toBigInt();
  return value === 0n ? position : LogPosition.fromBigInt(value - 1n, position.hex.length / 2);
}

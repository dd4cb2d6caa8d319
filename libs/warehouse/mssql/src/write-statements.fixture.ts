import { END_TRANSACTION } from '@elstream/database';
import type { GoldenStatement } from '@elstream/testing';
import { NO_HISTORY, type BatchHistory } from './batch-history';
import { batchStatement, type BatchPlan, type TablePlan } from './batch-statement';
import { createCheckpointSql, declareGapSql, dropCheckpointsSql } from './checkpoints';
import { checkpointsSql, statesSql } from './control-state';
import { createParked } from './dead-letters';
import { setBegins } from './history/derive';
import { noteDueSql } from './history/due';
import { insertEnded } from './history/ended';
import { imagesStand } from './history/images';
import { mergeChunkSql } from './merge-chunk';
import { beginPreloadSql, finishPreloadSql, promoteSql, setLiveAtSql, waitingSql } from './phases';
import { batchMisfits, chunkMisfits, convertBatch, convertChunk, createBatchTables, createChunkTables, type BatchShape } from './staging';
import { buildTarget, type Target } from './target';
import { targets } from './table-statements.fixture';

const PIPELINE = 'shop';
const LOCK_MS = 10_000;

/** Two ways in which columns are unknown, one of them in moved rows. */
const shape: BatchShape = { unknownGroups: [[4], [4, 6]], deletes: 2, upserts: 3, carried: 1 };
const upserts: BatchShape = { unknownGroups: [], deletes: 0, upserts: 1, carried: 0 };

/** A key whose equal values may be spelled differently, and texts of a code page. */
const spelled = buildTarget(PIPELINE, {
  id: 'dbo.readings',
  source: { schema: 'dbo', name: 'readings' },
  target: { schema: 'dbo', name: 'readings' },
  columns: [
    { source: 'at', target: 'at', type: { kind: 'other' }, native: 'datetimeoffset(7)', targetType: 'datetimeoffset(7)', nullable: false, mask: null },
    { source: 'place', target: 'place', type: { kind: 'text', maxLength: 20, padded: false }, targetType: 'varchar(20) COLLATE Japanese_CI_AS', nullable: true, mask: null },
  ],
  key: [0],
  chunkRows: 1000,
});

function table(target: Target, staged: BatchShape | null, more: Partial<TablePlan> = {}): TablePlan {
  return { target, staged, truncate: false, history: NO_HISTORY, refused: false, passed: false, ...more };
}

function batch(tables: readonly TablePlan[], more: Partial<BatchPlan> = {}): string {
  return batchStatement({ lockMs: LOCK_MS, pipeline: PIPELINE, partition: 'inv.dbo.lines-3', locked: tables.map((t) => t.target.mapping.id), tables, parked: false, parkedDue: false, reloads: false, trial: false, ...more });
}

/** Of batches, chunks, phases and checkpoints. */
export function writeStatements(): GoldenStatement[] {
  const { plain, derived, copied } = targets;
  if (derived.archive === null) throw new RangeError('the target keeps no history');
  const kept: BatchHistory = { stands: imagesStand(derived, 0), before: insertEnded(derived.archive, 0), after: setBegins(derived, 0), mixed: true, params: {} };
  const due: BatchHistory = { ...NO_HISTORY, before: noteDueSql('@dueTable0', '@due0') };
  const merge = { pipeline: PIPELINE, lockMs: LOCK_MS, fills: true, parks: false, trial: false, added: [] };
  return [
    { name: 'batch-stage', sql: createBatchTables(plain, 0) },
    { name: 'batch-convert', sql: convertBatch(plain, 0), docs: 'https://learn.microsoft.com/sql/t-sql/functions/cast-and-convert-transact-sql' },
    { name: 'batch-misfits', sql: batchMisfits(spelled, 1) ?? '' },
    { name: 'batch', sql: batch([table(plain, shape)]), docs: 'https://learn.microsoft.com/sql/relational-databases/system-stored-procedures/sp-getapplock-transact-sql' },
    { name: 'batch-of-inserts', sql: batch([table(plain, upserts)]) },
    { name: 'batch-with-truncate', sql: batch([table(plain, upserts, { truncate: true })]) },
    { name: 'batch-with-derived-history', sql: batch([table(derived, shape, { truncate: true, history: kept })]) },
    { name: 'batch-with-copied-history', sql: batch([table(copied, upserts, { history: due })]) },
    { name: 'batch-of-two-tables', sql: batch([table(plain, upserts), table(spelled, shape, { refused: true })]) },
    { name: 'batch-of-a-table-that-takes-no-events', sql: batch([table(plain, upserts), table(spelled, null, { passed: true })]) },
    { name: 'batch-with-parked-events', sql: batch([table(spelled, null)], { parked: true, parkedDue: true, reloads: true }) },
    { name: 'batch-without-rows', sql: batch([]) },
    { name: 'batch-trial', sql: batch([table(plain, shape)], { trial: true }) },
    { name: 'end-transaction', sql: END_TRANSACTION },
    { name: 'parked-stage', sql: createParked },
    { name: 'chunk-stage', sql: createChunkTables(plain) },
    { name: 'chunk-convert', sql: convertChunk(plain) },
    { name: 'chunk-misfits', sql: chunkMisfits(spelled) ?? '' },
    { name: 'chunk-merge', sql: mergeChunkSql({ ...merge, target: plain }) },
    { name: 'chunk-merge-with-derived-history', sql: mergeChunkSql({ ...merge, target: derived, added: ['note]s'] }) },
    { name: 'chunk-merge-that-parks', sql: mergeChunkSql({ ...merge, target: spelled, parks: true }) },
    { name: 'chunk-merge-of-nothing', sql: mergeChunkSql({ ...merge, target: plain, fills: false }) },
    { name: 'chunk-merge-trial', sql: mergeChunkSql({ ...merge, target: plain, trial: true }) },
    { name: 'begin-preload', sql: beginPreloadSql(PIPELINE, plain, LOCK_MS) },
    { name: 'finish-preload', sql: finishPreloadSql(PIPELINE, plain, LOCK_MS) },
    { name: 'finish-preload-with-derived-history', sql: finishPreloadSql(PIPELINE, derived, LOCK_MS) },
    { name: 'set-live-at', sql: setLiveAtSql(LOCK_MS) },
    { name: 'waiting-tables', sql: waitingSql },
    { name: 'promote-live', sql: promoteSql(LOCK_MS) },
    { name: 'create-checkpoint', sql: createCheckpointSql },
    { name: 'read-checkpoints', sql: checkpointsSql },
    { name: 'drop-checkpoints', sql: dropCheckpointsSql },
    { name: 'declare-gap', sql: declareGapSql(PIPELINE, ['dbo.a', 'dbo.b'], LOCK_MS) },
    { name: 'declare-gap-of-very-many-tables', sql: declareGapSql(PIPELINE, Array.from({ length: 40 }, (_, i) => `dbo.t${String(i)}`), LOCK_MS) },
    { name: 'read-states', sql: statesSql() },
  ];
}

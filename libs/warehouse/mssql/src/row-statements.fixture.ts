import type { GoldenStatement } from '@elstream/testing';
import { imagesStand, createTouchedSql, imagesSql, noteTouchedSql } from './history/images';
import { checkDerivedSql } from './history/check';
import { setBegins, truncatedRowsSql } from './history/derive';
import { noteDueSql, READ_DUE_SQL } from './history/due';
import { createEndedSql, insertEnded } from './history/ended';
import { knownRowsSql, knownTruncatesSql } from './history/known';
import { mergeStatement, versionsStage } from './history/merge';
import { archiveOverfilled, archiveSwept } from './history/overfilled';
import { keysFrom, rowsInRange } from './key-range';
import { countSql, keysSql, nextKeySql, rowsByKeysSql } from './reads';
import { closeUseSql, openUseSql, STALE_USES_SQL } from './repair';
import { repairStage, repairStatement } from './repair-statement';
import { changedKeysSql, standingSql } from './standing';
import { STORED_SQL } from './stored-guard';
import { targets } from './table-statements.fixture';
import { stagedOf, type Target } from './target';
import { createTypedSql, fillTypedSql } from './typed-stage';

const PIPELINE = 'shop';
const LOCK_MS = 10_000;

function archiveOf({ archive }: Target): NonNullable<Target['archive']> {
  if (archive === null) throw new RangeError('the target keeps no history');
  return archive;
}

/** Of reads, repairs and history. Parts of other statements stand in a statement of their own, with what those declare. */
export function rowStatements(): GoldenStatement[] {
  const { plain, derived, copied } = targets;
  const both = rowsInRange(plain, { from: ['eu', '5'], to: ['us', '1'] }).from;
  const shape = { lockMs: LOCK_MS, pipeline: PIPELINE };
  const fill = { stage: '#chunk', value: stagedOf('s'), epoch: '@epoch', added: ['note]s'], touched: 's.c1 < 0' };
  const part = (declared: string, sql: string): string => `${declared}\n${sql}`;
  const now = 'DECLARE @now datetime2(6) = SYSUTCDATETIME(), @epoch int = 3;';
  return [
    { name: 'next-key', sql: nextKeySql(plain, keysFrom(plain, ['eu', '5']).from), docs: 'https://learn.microsoft.com/sql/t-sql/queries/select-order-by-clause-transact-sql' },
    { name: 'keys-of-range', sql: keysSql(plain, both) },
    { name: 'rows-by-keys', sql: rowsByKeysSql(plain), docs: 'https://learn.microsoft.com/sql/t-sql/functions/openjson-transact-sql' },
    { name: 'count-rows', sql: countSql(plain) },
    { name: 'standing', sql: standingSql(PIPELINE, plain, LOCK_MS) },
    { name: 'changed-keys', sql: changedKeysSql(plain) },
    { name: 'stored-mapping', sql: STORED_SQL },
    { name: 'open-use', sql: openUseSql(PIPELINE, plain, LOCK_MS) },
    { name: 'close-use', sql: closeUseSql(PIPELINE, plain, LOCK_MS) },
    { name: 'stale-uses', sql: STALE_USES_SQL },
    { name: 'repair-stage', sql: [createTypedSql(repairStage(plain)), fillTypedSql(repairStage(plain))].join('\n') },
    { name: 'repair', sql: repairStatement(plain, { ...shape, ofRun: true, settles: false }) },
    { name: 'repair-with-derived-history', sql: repairStatement(derived, { ...shape, ofRun: false, settles: true }) },
    { name: 'read-due-history', sql: READ_DUE_SQL },
    { name: 'note-due-history', sql: noteDueSql('@dueTable0', '@due0') },
    { name: 'merge-history-stage', sql: [createTypedSql(versionsStage(copied)), fillTypedSql(versionsStage(copied))].join('\n') },
    { name: 'merge-history', sql: mergeStatement(copied, archiveOf(copied), { ...shape, any: true }) },
    { name: 'merge-history-of-nothing', sql: mergeStatement(copied, archiveOf(copied), { ...shape, any: false }) },
    { name: 'check-derived-history', sql: checkDerivedSql(derived, archiveOf(derived)) },
    { name: 'touched-keys', sql: createTouchedSql(derived, 0) },
    { name: 'note-touched-keys', sql: noteTouchedSql(derived, 0) },
    { name: 'images', sql: imagesSql(derived, 0) },
    { name: 'images-stand', sql: `IF ${imagesStand(derived, 0)} SELECT 1 AS stands;` },
    { name: 'known-changes', sql: knownRowsSql(derived, archiveOf(derived)) },
    { name: 'known-truncates', sql: knownTruncatesSql(archiveOf(derived)) },
    { name: 'ended-versions-stage', sql: createEndedSql(archiveOf(derived), 0) },
    { name: 'ended-versions', sql: insertEnded(archiveOf(derived), 0) },
    { name: 'truncated-rows', sql: part('DECLARE @epoch0 int = 3;', truncatedRowsSql(derived, archiveOf(derived), { n: 0, live: false, inexact: false, identified: true })) },
    { name: 'truncated-rows-of-a-live-table', sql: part('DECLARE @epoch0 int = 3;', truncatedRowsSql(derived, archiveOf(derived), { n: 0, live: true, inexact: true, identified: false })) },
    { name: 'odd-begins', sql: setBegins(derived, 0) },
    { name: 'overfilled-rows', sql: part(now, archiveOverfilled(derived, fill)) },
    { name: 'swept-rows', sql: part(now, archiveSwept(derived, '@epoch')) },
  ];
}

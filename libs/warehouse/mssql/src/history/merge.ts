import { decodeRows } from '@elstream/core';
import { nString, t, type Mssql } from '@elstream/database';
import type { HistoryWrite } from '@elstream/warehouse';
import { imageDigest } from '../exact-text';
import { commit, leave, runTransaction, serverTransaction } from '../server-transaction';
import { lacking } from '../stale-marks';
import { currentMapping, outdated, refuseOutdated } from '../stored-guard';
import { keyEquals, quotedOf, stagedOf, type EntityColumn, type Target } from '../target';
import { stageTyped, type TypedStage } from '../typed-stage';
import { APPROXIMATE_COLUMN, DELETED_COLUMN, type Archive } from './archive';

const VERSIONS = '#versions';

/** Cells in mapping order, then column `deleted`. */
export function versionsStage(target: Target): TypedStage {
  return { table: VERSIONS, columns: [...target.columns.map((c) => ({ name: c.property, type: c.type, collation: c.collation })), { name: 'deleted', type: 'bit', collation: null }] };
}

/**
 * Adds the versions that are not there yet, as a multiset per key: of equal versions as many as were read, less those that
 * stand. Merges of a table follow one another, so that two cannot both miss what neither has committed.
 */
export async function mergeVersions(db: Mssql, write: HistoryWrite, target: Target): Promise<number> {
  const archive = copiedArchive(target);
  const { pipeline, mapping } = write;
  const hash = await currentMapping(db, pipeline, mapping);
  return db.session(async (session) => {
    const rows = await stageTyped(session, versionsStage(target), decodeRows(write.rows));
    const { outcome, row } = await runTransaction(session, mergeStatement(target, archive, { lockMs: db.lockMs, pipeline, any: rows > 0 }), {
      pipeline: t.nvarchar(pipeline, 100),
      table: t.nvarchar(mapping.id, 300),
      columns: t.json(mapping.columns.map((c) => c.source)),
      settles: t.json(write.settles),
      ...hash,
    });
    if (outcome === 'outdated') throw outdated(pipeline, mapping);
    return Number(row['added'] ?? 0);
  });
}

function copiedArchive(target: Target): Archive {
  if (target.archive?.kind !== 'copied') throw new RangeError(`the history of table ${target.mapping.id} is not copied`);
  return target.archive;
}

/**
 * Outcomes `outdated`, `merged` (with `added`). Parameters `@pipeline`, `@table`, `@mapping_hash`, `@columns` (names at the
 * source, JSON), `@settles` (ids of `history_due`, JSON). `any`: versions are staged.
 */
export function mergeStatement(target: Target, archive: Archive, of: { readonly lockMs: number; readonly pipeline: string; readonly any: boolean }): string {
  return serverTransaction({
    lockMs: of.lockMs,
    pipeline: of.pipeline,
    // batches go on; who adds a column waits for this lock, or is seen
    exclusion: { by: 'merge' },
    tables: of.any ? [target.mapping.id] : [],
    declare: 'DECLARE @added int = 0;',
    body: [
      `EXEC @lock = sp_getapplock @Resource = ${nString(`elstream:history:${archive.changeIndexName}`)}, @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = ${String(of.lockMs)};
IF @lock < 0\n${leave('locked-out', '@lock AS code')}`,
      ...(of.any ? [refuseOutdated, refuseLacking, incompleteVersions(target, archive), missingVersions(target, archive), 'SET @added = @@ROWCOUNT;'] : []),
      `DELETE FROM elstream.history_due WHERE pipeline = @pipeline AND id IN (SELECT CONVERT(bigint, j.[value]) FROM OPENJSON(@settles) AS j);`,
      commit('merged', '@added AS added'),
    ].join('\n'),
  });
}

/** Versions that were read without an added column would differ from those read with it, and stand beside them for ever. */
const refuseLacking = `IF EXISTS (SELECT 1 FROM elstream.table_state AS s WHERE s.pipeline = @pipeline AND s.table_id = @table AND EXISTS (${lacking('@columns')}))
${leave('outdated')}`;

/**
 * Versions that stood when a column was added lack its value, and are marked approximate: those that were read again, told
 * by key and period, give way to what was read. Those that the source has purged since stay as they are.
 */
function incompleteVersions(target: Target, archive: Archive): string {
  const period = target.columns.filter((c) => c.name === archive.from.name || c.name === archive.to.name);
  const equal = period.map((c) => `(h.${c.quoted} = s.${c.property} OR (h.${c.quoted} IS NULL AND s.${c.property} IS NULL))`);
  return `DELETE h FROM ${archive.sql} AS h JOIN ${VERSIONS} AS s ON ${[keyEquals(archive.key, quotedOf('h'), stagedOf('s')), ...equal].join(' AND ')} WHERE h.${APPROXIMATE_COLUMN} = 1;`;
}

/**
 * Compared by a digest of all mapped columns, both sides as the warehouse's own types have them; `deleted` of versions that
 * stand is not touched, since an older read knows less.
 */
function missingVersions(target: Target, archive: Archive): string {
  const keys = archive.key.map((c) => c.property).join(', ');
  // as what it is: of HASHBYTES the server expects 8,000 bytes, and would take memory for them; numbered apart from the cells for the same reason
  const digest = (columns: readonly EntityColumn[], of: (column: EntityColumn) => string): string => `CONVERT(binary(32), ${imageDigest(columns, of)})`;
  return `WITH staged AS (SELECT s.ord, ${digest(target.columns, stagedOf('s'))} AS digest FROM ${VERSIONS} AS s),
numbered AS (SELECT s.ord, s.digest, ROW_NUMBER() OVER (PARTITION BY s.digest ORDER BY s.ord) AS place FROM staged AS s),
stands AS (SELECT v.digest, COUNT_BIG(*) AS n FROM
  (SELECT ${digest(archive.columns, quotedOf('h'))} AS digest FROM (SELECT DISTINCT ${keys} FROM ${VERSIONS}) AS k JOIN ${archive.sql} AS h ON ${keyEquals(archive.key, quotedOf('h'), stagedOf('k'))}) AS v GROUP BY v.digest)
INSERT INTO ${archive.sql} (${[...archive.columns.map((c) => c.quoted), `[${DELETED_COLUMN}]`].join(', ')})
SELECT ${[...target.columns.map(stagedOf('s')), 's.deleted'].join(', ')} FROM numbered AS n JOIN ${VERSIONS} AS s ON s.ord = n.ord LEFT JOIN stands AS h ON h.digest = n.digest WHERE n.place > ISNULL(h.n, 0);`;
}

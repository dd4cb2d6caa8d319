import { classifyPostgresError, inRunnerTransaction, isDatabaseError, type EntityDataSource, type Sql } from '@elstream/database';
import type { HistoryWrite } from '@elstream/warehouse';
import { outdated, requireCurrent } from '../evolution/outdated';
import { lacksColumns } from '../evolution/stale';
import { stageVersions } from '../staging';
import { textOf } from '../standing';
import type { Target } from '../target';
import { APPROXIMATE_COLUMN, DELETED_COLUMN, type Archive } from './archive';

/**
 * Adds the versions that are not there yet, as a multiset per key: of equal versions as many as were read, less those that
 * stand. Merges of a table follow one another, so that two cannot both miss what neither has committed.
 */
export async function mergeVersions(dataSource: EntityDataSource, write: HistoryWrite, target: Target): Promise<number> {
  const archive = copiedArchive(target);
  const runner = dataSource.createQueryRunner();
  try {
    const stage = await stageVersions(runner, target, write.rows);
    return await inRunnerTransaction(runner, async (sql) => {
      await sql.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`elstream.history.${archive.sql}`]);
      if (stage.rows > 0) await refuseOutdated(sql, write.pipeline, target, archive);
      if (stage.rows > 0) await sql.execute(incompleteVersions(target, archive, stage.sql));
      const added = stage.rows === 0 ? 0 : await sql.execute(missingVersions(target, archive, stage.sql));
      await settleDue(sql, write.pipeline, write.settles);
      return added;
    });
  } catch (error) {
    throw isDatabaseError(error) ? classifyPostgresError(error) : error;
  } finally {
    await runner.release();
  }
}

/**
 * Versions that were read without an added column would differ from those read with it, and stand beside them for ever. The
 * lock comes first: who adds the column waits for it, or is seen.
 */
async function refuseOutdated(sql: Sql, pipeline: string, target: Target, archive: Archive): Promise<void> {
  await sql.query(`LOCK TABLE ${archive.sql} IN ROW EXCLUSIVE MODE`);
  await requireCurrent(sql, pipeline, target.mapping);
  if (await lacksColumns(sql, pipeline, target.mapping)) throw outdated(pipeline, target.mapping);
}

function copiedArchive(target: Target): Archive {
  if (target.archive?.kind !== 'copied') throw new RangeError(`the history of table ${target.mapping.id} is not copied`);
  return target.archive;
}

async function settleDue(sql: Sql, pipeline: string, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await sql.execute('DELETE FROM elstream.history_due WHERE pipeline = $1 AND id = ANY ($2::int8[])', [pipeline, [...ids]]);
}

/**
 * Versions that stood when a column was added lack its value, and are marked approximate: those that were read again, told
 * by key and period, give way to what was read. Those that the source has purged since stay as they are.
 */
function incompleteVersions(target: Target, archive: Archive, stage: string): string {
  const period = target.columns.filter((c) => c.name === archive.from.name || c.name === archive.to.name);
  const same = [...archive.key.map((c) => `h.${c.quoted} = s.${c.property}`), ...period.map((c) => `h.${c.quoted} IS NOT DISTINCT FROM s.${c.property}`)];
  return `DELETE FROM ${archive.sql} AS h USING ${stage} AS s WHERE h.${APPROXIMATE_COLUMN} AND ${same.join(' AND ')}`;
}

/**
 * Compared by the text of all mapped columns, both sides as the warehouse's own types print them; `deleted` of versions
 * that stand is not touched, since an older read knows less. OFFSET 0: a digest is computed once per row.
 */
function missingVersions(target: Target, archive: Archive, stage: string): string {
  const properties = target.columns.map((c) => c.property);
  const digest = (alias: string, quoted: (c: Target['columns'][number]) => string): string =>
    `pg_catalog.md5(ROW(${target.columns.map((c) => textOf(alias, { ...c, quoted: quoted(c) })).join(', ')})::text)`;
  const same = archive.key.map((c) => `h.${c.quoted} = k.${c.property}`).join(' AND ');
  const keys = archive.key.map((c) => c.property).join(', ');
  return `WITH staged AS MATERIALIZED (SELECT s.*, ${digest('s', (c) => c.property)} AS digest FROM ${stage} AS s OFFSET 0),
    numbered AS (SELECT s.*, row_number() OVER (PARTITION BY s.digest) AS n FROM staged AS s),
    stands AS (SELECT v.digest, count(*) AS n FROM
      (SELECT ${digest('h', (c) => c.quoted)} AS digest FROM (SELECT DISTINCT ${keys} FROM staged) AS k JOIN ${archive.sql} AS h ON ${same} OFFSET 0) AS v GROUP BY v.digest)
    INSERT INTO ${archive.sql} (${[...archive.columns.map((c) => c.quoted), DELETED_COLUMN].join(', ')})
    SELECT ${[...properties.map((p) => `s.${p}`), 's.deleted'].join(', ')} FROM numbered AS s LEFT JOIN stands AS h ON h.digest = s.digest WHERE s.n > coalesce(h.n, 0)`;
}

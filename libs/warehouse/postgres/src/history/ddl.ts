import { ElstreamError } from '@elstream/core';
import { quoteName, type Sql } from '@elstream/database';
import { columnDefinition, EPOCH_COLUMN, POSITION_COLUMN, type Target } from '../target';
import { APPROXIMATE_COLUMN, asPeriod, BEGIN_COLUMN, CHANGE_COLUMN, DELETED_COLUMN, ENDED_COLUMN, TIMESTAMPTZ, type Archive } from './archive';

/** The archive's columns as DDL lines; also for the temporary table it is compared with. */
export function archiveLines(archive: Archive): string[] {
  return [
    ...archive.columns.map((c) => columnDefinition(c, c.quoted)),
    ...(archive.inRow ? [] : [`${archive.from.quoted} ${TIMESTAMPTZ}`, `${archive.to.quoted} ${TIMESTAMPTZ}`]),
    `${quoteName(DELETED_COLUMN)} pg_catalog.bool NOT NULL`,
    `${APPROXIMATE_COLUMN} pg_catalog.bool NOT NULL DEFAULT false`,
    `${ENDED_COLUMN} pg_catalog.bytea`,
    ...(archive.kind === 'derived' ? [`${CHANGE_COLUMN} pg_catalog.bytea`] : []),
  ];
}

/** Columns of the mapping that would take the name of one of the archive's own: sentences, empty is fine. */
export function archiveNameProblems(target: Target): string[] {
  const { archive, mapping } = target;
  if (archive === null) return [];
  const own = [DELETED_COLUMN, APPROXIMATE_COLUMN, ENDED_COLUMN, CHANGE_COLUMN, ...(archive.inRow ? [] : [archive.from.name, archive.to.name])];
  return mapping.columns
    .filter((c) => own.includes(c.target))
    .map((c) => `column ${c.source} of ${mapping.id} is called ${c.target} in the warehouse, as a column of its history table is; rename it in the pipeline file${c.target.startsWith('valid_') ? ', declare the period of its history' : ''} or keep no history of that table`);
}

/**
 * Creates what is missing of a table's history: schema, archive with its index, the begin of standing rows. Idempotent;
 * existing tables get only what they lack. In the caller's transaction, after the target exists.
 */
export async function createArchive(sql: Sql, target: Target): Promise<void> {
  await ensureBegin(sql, target);
  const { archive } = target;
  if (archive === null) return;
  await sql.query(`CREATE SCHEMA IF NOT EXISTS ${quoteName(archive.table.schema)}`);
  const standing = await physicalColumns(sql, archive.table);
  if (standing.length === 0) await sql.query(`CREATE TABLE IF NOT EXISTS ${archive.sql} (${archiveLines(archive).join(', ')})`);
  await sql.query(`CREATE INDEX IF NOT EXISTS ${archive.indexName} ON ${archive.sql} (${archive.key.map((c) => c.quoted).join(', ')})`);
  if (archive.kind === 'derived') await ensureChange(sql, archive, standing);
}

/** Tables of earlier releases lack it, and those that began as copied history. Versions without an identity, as of a direct stream, cost the index nothing. */
async function ensureChange(sql: Sql, archive: Archive, standing: readonly string[]): Promise<void> {
  if (standing.length > 0 && !standing.includes(CHANGE_COLUMN)) await sql.query(`ALTER TABLE ${archive.sql} ADD COLUMN IF NOT EXISTS ${CHANGE_COLUMN} pg_catalog.bytea`);
  await sql.query(`CREATE INDEX IF NOT EXISTS ${archive.changeIndexName} ON ${archive.sql} (${CHANGE_COLUMN}) WHERE ${CHANGE_COLUMN} IS NOT NULL`);
}

/** The begin comes and goes with the setting: one that was not kept for a while would be wrong later. */
async function ensureBegin(sql: Sql, target: Target): Promise<void> {
  // looked at first: ALTER TABLE waits for every reader even if there is nothing to do
  const has = (await physicalColumns(sql, target.table)).includes(BEGIN_COLUMN);
  if (target.keepsBegin && !has) await sql.query(`ALTER TABLE ${target.sql} ADD COLUMN IF NOT EXISTS ${BEGIN_COLUMN} ${TIMESTAMPTZ}`);
  if (!target.keepsBegin && has) await sql.query(`ALTER TABLE ${target.sql} DROP COLUMN IF EXISTS ${BEGIN_COLUMN}`);
}

/** Column names as they stand, in their order; empty: no such table. */
/** In the order of the table, as its row type spells them. */
export async function physicalColumns(sql: Sql, table: Target['table']): Promise<string[]> {
  const rows = await sql.query<{ name: string }>(
    `SELECT a.attname::text AS name FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    [table.schema, table.name],
  );
  return rows.map((r) => r.name);
}

/**
 * The function `<target>_as_of(timestamptz) RETURNS SETOF <target>`: rows as they were at that time. To be called again
 * after every change of the target's or the archive's columns: its body names them all. Replaced, so that grants stay.
 */
export async function createAsOf(sql: Sql, target: Target): Promise<void> {
  const { archive } = target;
  if (archive === null) return;
  const [current, old] = [await physicalColumns(sql, target.table), await physicalColumns(sql, archive.table)];
  if (current.length === 0 || old.length === 0) {
    throw new ElstreamError('TABLE_NOT_PREPARED', 'stop', `${target.sql} or ${archive.sql} is missing in the warehouse; start a run to prepare it`, { place: { table: target.mapping.id } });
  }
  const pasts = current.map((name) => {
    if (name === EPOCH_COLUMN) return 'NULL::pg_catalog.int4';
    if (name === POSITION_COLUMN) return 'NULL::pg_catalog.bytea';
    if (name === BEGIN_COLUMN) return `h.${archive.from.quoted}`;
    // a column dropped at the source before its history began
    return old.includes(name) ? `h.${quoteName(name)}` : 'NULL';
  });
  const at = asPeriod(archive.from, '$1');
  const begin = target.keepsBegin ? BEGIN_COLUMN : archive.from.quoted;
  const same = target.key.map((c) => `h.${c.quoted} = t.${c.quoted}`).join(' AND ');
  // a row whose begin is unknown is there since the end of what is known before it, or since ever
  const unknown = `t.${begin} IS NULL AND NOT EXISTS (SELECT FROM ${archive.sql} AS h WHERE ${same} AND h.${archive.to.quoted} > ${at})`;
  // $1: a parameter's name would give way to a column of that name
  // Copied versions are fetched apart from the rows: where they are ahead, the row still standing is a version that has ended.
  const overtaken = archive.kind === 'copied' ? ` AND NOT EXISTS (SELECT FROM ${archive.sql} AS h WHERE ${same} AND h.${archive.from.quoted} >= t.${begin} AND h.${archive.to.quoted} > ${asPeriod(archive.to, '$1')})` : '';
  const body = `SELECT ${current.map((name) => `t.${quoteName(name)}`).join(', ')} FROM ${target.sql} AS t WHERE (t.${begin} <= ${at}${overtaken}) OR (${unknown})
    UNION ALL SELECT ${pasts.join(', ')} FROM ${archive.sql} AS h WHERE (h.${archive.from.quoted} IS NULL OR h.${archive.from.quoted} <= ${at}) AND h.${archive.to.quoted} > ${asPeriod(archive.to, '$1')}`;
  const tag = dollarTag(body);
  await sql.query(`CREATE OR REPLACE FUNCTION ${archive.asOf}(at timestamptz) RETURNS SETOF ${target.sql} LANGUAGE sql STABLE AS ${tag}${body}${tag}`);
}

/** Before the target or the archive is dropped: the function depends on the target's row type. */
export async function dropAsOf(sql: Sql, target: Target): Promise<void> {
  if (target.archive !== null) await sql.query(`DROP FUNCTION IF EXISTS ${target.archive.asOf}(timestamptz)`);
}

function dollarTag(body: string): string {
  let tag = '$as_of$';
  while (body.includes(tag)) tag = `${tag.slice(0, -1)}_$`;
  return tag;
}

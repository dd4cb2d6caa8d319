import type { EntityDataSource, Sql } from '@elstream/database';
import { inTransaction, quoteName } from '@elstream/database';
import { lockDdl } from './evolution/exclusively';
import { CHANGE_COLUMN } from './history/archive';
import { archiveLines, archiveNameProblems, createArchive, createAsOf } from './history/ddl';
import { columnDefinition, EPOCH_COLUMN, POSITION_COLUMN, type EntityColumn, type Target } from './target';

/**
 * DDL from the entity's description. TypeORM's own `createTable` is not used: it quotes names without escaping them
 * and splits table names at dots.
 */
function createTableSql(sql: string, columns: readonly EntityColumn[], key: readonly EntityColumn[]): string {
  return `CREATE TABLE IF NOT EXISTS ${sql} (${tableLines(columns, key).join(', ')})`;
}

function tableLines(columns: readonly EntityColumn[], key: readonly EntityColumn[]): string[] {
  const lines = columns.map((c) => `${columnDefinition(c, c.quoted)}${c.nullable ? '' : ' NOT NULL'}`);
  lines.push(`${EPOCH_COLUMN} pg_catalog.int4 NOT NULL`, `${POSITION_COLUMN} pg_catalog.bytea`, `PRIMARY KEY (${key.map((c) => c.quoted).join(', ')})`);
  return lines;
}

/** The table of delete markers, which has the target's key. */
export function createMarkersSql(target: Target): string {
  return createTableSql(target.markerSql, target.key, target.key);
}

/** Creates what is missing of schema, target, markers and state row, in one transaction per table. */
export async function createTarget(dataSource: EntityDataSource, pipeline: string, target: Target): Promise<void> {
  await inTransaction(dataSource, async (sql) => {
    // two processes preparing at once: CREATE … IF NOT EXISTS alone can still collide in the catalog
    await lockDdl(sql, target.sql);
    await sql.query(`CREATE SCHEMA IF NOT EXISTS ${quoteName(target.table.schema)}`);
    await sql.query(createTableSql(target.sql, target.columns, target.key));
    await ensureMarkers(sql, pipeline, target);
    await createArchive(sql, target);
    await createAsOf(sql, target);
    await ensureState(sql, pipeline, target);
  });
}

/** Markers of another key are of an earlier life of the table: nothing needs them while it is not loaded. */
async function ensureMarkers(sql: Sql, pipeline: string, target: Target): Promise<void> {
  const [standing] = await sql.query<{ oid: string; loaded: boolean }>(
    `SELECT c.oid::text AS oid, EXISTS (SELECT FROM elstream.table_state s WHERE s.pipeline = $3 AND s.table_id = $4 AND s.phase NOT IN ('new', 'stopped')) AS loaded
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2`,
    [target.markerTable.schema, target.markerTable.name, pipeline, target.mapping.id],
  );
  if (standing !== undefined && !standing.loaded) {
    const shape = (columns: readonly CatalogColumn[]): string => JSON.stringify(columns.map((c) => [c.name, c.type, c.collation]));
    const wanted = shape(await probe(sql, tableLines(target.key, target.key)));
    if (wanted !== shape(await readColumns(sql, standing.oid))) await sql.query(`DROP TABLE ${target.markerSql}`);
  }
  await sql.query(createMarkersSql(target));
}

/** A table that stood before its state begins above the epochs of its rows: a fill never replaces rows of a newer epoch. */
async function ensureState(sql: Sql, pipeline: string, target: Target): Promise<void> {
  // epoch 0: it was stopped before it was ever prepared
  const [state] = await sql.query('SELECT 1 FROM elstream.table_state WHERE pipeline = $1 AND table_id = $2 AND epoch > 0', [pipeline, target.mapping.id]);
  if (state !== undefined) return;
  await sql.query(
    `INSERT INTO elstream.table_state AS s (pipeline, table_id, epoch) SELECT $1, $2, coalesce(max(${EPOCH_COLUMN}), 0) FROM ${target.sql}
     ON CONFLICT (pipeline, table_id) DO UPDATE SET epoch = EXCLUDED.epoch WHERE s.epoch = 0`,
    [pipeline, target.mapping.id],
  );
}

interface CatalogColumn {
  readonly name: string;
  readonly type: string;
  readonly collation: string | null;
  readonly generated: string;
  /** NOT NULL, and nothing gives it a value where an INSERT gives none. */
  readonly demanding: boolean;
}

/** What forbids writing to an existing table of this name (R6). Empty when it does not exist or is as we would make it. */
export async function targetProblems(sql: Sql, target: Target): Promise<string[]> {
  const [found] = await sql.query<{ oid: string; relkind: string }>(
    `SELECT c.oid::text AS oid, c.relkind::text AS relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2`,
    [target.table.schema, target.table.name],
  );
  const history = [...archiveNameProblems(target), ...(await archiveProblems(sql, target))];
  if (found === undefined) return [...(await missingProblems(sql, target)), ...history];
  const name = `${target.sql} in the warehouse`;
  if (found.relkind !== 'r' && found.relkind !== 'p') {
    return [`${name} is not an ordinary table; rename it, or give table ${target.mapping.id} another target`];
  }
  return [...(await columnProblems(sql, target, found.oid, name)), ...(await constraintProblems(sql, target, found.oid, name)), ...history];
}

/** What forbids writing versions to an existing history table. Columns that the source dropped since may stand in it. */
async function archiveProblems(sql: Sql, target: Target): Promise<string[]> {
  const { archive } = target;
  if (archive === null) return [];
  const [found] = await sql.query<{ oid: string; relkind: string; unique: number; triggers: number }>(
    `SELECT c.oid::text AS oid, c.relkind::text AS relkind, (SELECT count(*)::int FROM pg_index WHERE indrelid = c.oid AND indisunique) AS "unique",
            (SELECT count(*)::int FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal) AS triggers
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2`,
    [archive.table.schema, archive.table.name],
  );
  if (found === undefined) return [];
  const name = `the history table ${archive.sql} in the warehouse`;
  const remedy = `; rename or drop that table, or give the history of table ${target.mapping.id} another target`;
  if (found.relkind !== 'r' && found.relkind !== 'p') return [`${name} is not an ordinary table${remedy}`];
  const problems: string[] = [];
  const standing = new Map((await readColumns(sql, found.oid)).map((c) => [c.name, c]));
  for (const column of archiveNameProblems(target).length > 0 ? [] : await probe(sql, archiveLines(archive))) {
    const have = standing.get(column.name);
    if (have === undefined && column.name === CHANGE_COLUMN) continue; // made by `createArchive`
    if (have === undefined) problems.push(`${name} has no column ${column.name}`);
    else if (have.type !== column.type) problems.push(`${name}: column ${column.name} is ${have.type}, expected ${column.type}`);
  }
  if (found.unique > 0) problems.push(`${name} has a unique index: a row has as many versions as it had changes`);
  if (found.triggers > 0) problems.push(`${name} has a trigger`);
  return problems.map((p) => p + remedy);
}

async function missingProblems(sql: Sql, target: Target): Promise<string[]> {
  const [right] = await sql.query<{ ok: boolean }>(
    `SELECT CASE WHEN EXISTS (SELECT FROM pg_namespace WHERE nspname = $1) THEN has_schema_privilege($1, 'CREATE') ELSE has_database_privilege(current_database(), 'CREATE') END AS ok`,
    [target.table.schema],
  );
  if (right?.ok === true) return [];
  return [`the warehouse user may not create ${target.sql}; grant CREATE on the schema ${target.table.schema} (or on the database, if the schema does not exist)`];
}

async function columnProblems(sql: Sql, target: Target, oid: string, name: string): Promise<string[]> {
  const standing = await readColumns(sql, oid);
  const wanted = await probeColumns(sql, target);
  const problems: string[] = [];
  const byName = new Map(standing.map((c) => [c.name, c]));
  for (const column of wanted) {
    const have = byName.get(column.name);
    if (have === undefined) problems.push(`${name} has no column ${column.name}`);
    else if (have.type !== column.type) problems.push(`${name}: column ${column.name} is ${have.type}, expected ${column.type}`);
    else if (column.collation !== null && have.collation !== column.collation) problems.push(`${name}: key column ${column.name} must have COLLATE "${column.collation}"`);
    else if (have.generated !== '') problems.push(`${name}: column ${column.name} is generated`);
  }
  const names = new Set(wanted.map((c) => c.name));
  // others are left alone: kept from columns that the source has no more, or added by users
  for (const column of standing) if (!names.has(column.name) && column.demanding) problems.push(`${name} has a column ${column.name} of which the source knows nothing and which is NOT NULL without a default`);
  const remedy = `; rename or drop that table, or give table ${target.mapping.id} another target`;
  return problems.map((p) => p + remedy);
}

async function readColumns(sql: Sql, oid: string): Promise<CatalogColumn[]> {
  return sql.query<CatalogColumn>(
    `SELECT a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type, co.collname::text AS collation, a.attgenerated::text AS generated,
            a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AS demanding
       FROM pg_attribute a LEFT JOIN pg_collation co ON co.oid = a.attcollation
      WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    [oid],
  );
}

/** The columns as this server understands our description: made once as a temporary table, so that type spellings need no parsing. */
async function probeColumns(sql: Sql, target: Target): Promise<CatalogColumn[]> {
  const columns = await probe(sql, tableLines(target.columns, target.key));
  const collated = new Set(target.columns.filter((c) => c.collation !== null).map((c) => c.name));
  return columns.map((c) => ({ ...c, collation: collated.has(c.name) ? c.collation : null }));
}

async function probe(sql: Sql, lines: readonly string[]): Promise<CatalogColumn[]> {
  await sql.query('DROP TABLE IF EXISTS pg_temp.elstream_probe');
  await sql.query(`CREATE TEMPORARY TABLE elstream_probe (${lines.join(', ')})`);
  try {
    return await readColumns(sql, await probeOid(sql));
  } finally {
    await sql.query('DROP TABLE IF EXISTS pg_temp.elstream_probe');
  }
}

async function probeOid(sql: Sql): Promise<string> {
  const [row] = await sql.query<{ oid: string }>(`SELECT 'pg_temp.elstream_probe'::regclass::oid::text AS oid`);
  return row?.oid ?? '0';
}

async function constraintProblems(sql: Sql, target: Target, oid: string, name: string): Promise<string[]> {
  const found = await sql.query<{ what: string }>(
    `SELECT CASE WHEN conrelid = $1::oid THEN 'foreign key ' || conname ELSE 'foreign key ' || conname || ' of ' || conrelid::regclass::text || ' refers to it' END AS what
       FROM pg_constraint WHERE contype = 'f' AND (conrelid = $1::oid OR confrelid = $1::oid)
     UNION ALL SELECT 'unique index ' || indexrelid::regclass::text FROM pg_index WHERE indrelid = $1::oid AND indisunique AND NOT indisprimary
     UNION ALL SELECT 'exclusion constraint ' || conname FROM pg_constraint WHERE contype = 'x' AND conrelid = $1::oid
     UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger WHERE tgrelid = $1::oid AND NOT tgisinternal
     UNION ALL SELECT 'rule ' || rulename FROM pg_rewrite WHERE ev_class = $1::oid
     UNION ALL SELECT 'row level security' FROM pg_class WHERE oid = $1::oid AND relrowsecurity`,
    [oid],
  );
  const [key] = await sql.query<{ columns: string[] }>(
    `SELECT array_agg(a.attname::text) AS columns FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) WHERE i.indrelid = $1::oid AND i.indisprimary GROUP BY i.indexrelid`,
    [oid],
  );
  const problems = found.map(({ what }) => `${name}: ${what}; drop it: a warehouse table has no foreign key, no unique constraint but its key, no trigger (changes arrive without order across tables)`);
  const wanted = target.key.map((k) => k.name);
  if (key === undefined) problems.push(`${name} has no primary key; drop the table and let elstream create it`);
  else if ([...key.columns].sort().join('\0') !== [...wanted].sort().join('\0')) problems.push(`${name} has the primary key (${key.columns.join(', ')}), expected (${wanted.join(', ')}); drop the table and let elstream create it`);
  return problems;
}

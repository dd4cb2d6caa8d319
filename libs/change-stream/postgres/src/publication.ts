import { ElstreamError, tableId, type TableMapping, type TableName } from '@elstream/core';
import { inTransaction, onDatabase, quoteName, quoteTable, type Sql } from '@elstream/database';
import { type DataSource } from 'typeorm';
import { requireIdentity } from './replica-identity';

export interface PublicationChange {
  readonly entered: readonly string[];
  readonly left: readonly string[];
}

interface PublicationRow {
  readonly oid: string;
  readonly all: boolean;
  readonly schemas: boolean;
  /** It publishes every kind of change, partitions as asked. */
  readonly intact: boolean;
  /** As `publicationOptions` would make it. */
  readonly settings: boolean;
}

/** How partitions of a partitioned table are published. */
export interface PublicationShape {
  /**
   * Under the name of their root. A TRUNCATE of a single partition is then not sent at all; without it, a partition made
   * later comes under a name that whoever reads by name does not know.
   */
  readonly viaRoot: boolean;
}

const BY_OWN_NAME: PublicationShape = { viaRoot: false };

export interface PublicationState {
  /** FOR ALL TABLES, or for whole schemas: none of ours. */
  readonly foreign: boolean;
  /** False: somebody changed what it publishes, so that changes are missing. */
  readonly intact: boolean;
  /** Ids of the tables it lists whole. */
  readonly tables: ReadonlySet<string>;
}

/** From 18 on stored generated columns can be published, and are then in the log as in a COPY. */
const GENERATED_COLUMNS_VERSION = 180_000;
const SCHEMA_PUBLICATIONS_VERSION = 150_000;

/**
 * Makes the publication list exactly these tables, in one transaction: a table is added, locked by that against
 * changes of its identity, then checked; a refused one rolls everything back, so that it never was in. Never ALL TABLES.
 */
export async function alignPublication(dataSource: DataSource, name: string, tables: readonly TableMapping[], shape: PublicationShape = BY_OWN_NAME): Promise<PublicationChange> {
  return inTransaction(dataSource, async (sql) => {
    const version = await serverVersion(sql);
    const found = await readPublication(sql, name, { version, shape });
    if (found !== null && (found.all || found.schemas)) throw publicationForeign(name);
    const options = publicationOptions(version, shape);
    if (found === null) await sql.execute(`CREATE PUBLICATION ${quoteName(name)} WITH (${options})`);
    else if (!found.settings) await sql.execute(`ALTER PUBLICATION ${quoteName(name)} SET (${options})`);
    const members = found === null ? [] : await readMembers(sql, found.oid, version);
    const wanted = new Map(tables.map((mapping) => [mapping.id, mapping]));
    const standing = new Set(members.filter((member) => member.whole).map(tableId));
    const left = members.filter((member) => !member.whole || !wanted.has(tableId(member)));
    const entered = tables.filter((mapping) => !standing.has(mapping.id));
    if (left.length > 0) await sql.execute(`ALTER PUBLICATION ${quoteName(name)} DROP TABLE ${left.map(only).join(', ')}`);
    if (entered.length > 0) await sql.execute(`ALTER PUBLICATION ${quoteName(name)} ADD TABLE ${entered.map((mapping) => only(mapping.source)).join(', ')}`);
    for (const mapping of tables) await requireIdentity(sql, mapping);
    return { entered: entered.map((mapping) => mapping.id), left: left.map(tableId) };
  });
}

export async function hasPublication(dataSource: DataSource, name: string): Promise<boolean> {
  const rows = await onDatabase(dataSource, (sql) => sql.query('SELECT FROM pg_publication WHERE pubname = $1', [name]));
  return rows.length > 0;
}

export function publicationForeign(name: string): ElstreamError {
  return new ElstreamError('PUBLICATION_FOREIGN', 'refuse', `publication ${name} is FOR ALL TABLES or for whole schemas, so it is not ours; drop it or give the pipeline another name`);
}

/** The publication as it is now; null: there is none. */
export async function readPublicationState(dataSource: DataSource, name: string, shape: PublicationShape = BY_OWN_NAME): Promise<PublicationState | null> {
  return onDatabase(dataSource, async (sql) => {
    const version = await serverVersion(sql);
    const found = await readPublication(sql, name, { version, shape });
    if (found === null) return null;
    const members = await readMembers(sql, found.oid, version);
    return { foreign: found.all || found.schemas, intact: found.intact, tables: new Set(members.filter((member) => member.whole).map(tableId)) };
  });
}

/** Ids of the tables the publication lists whole; null: there is none. */
export async function publishedTables(dataSource: DataSource, name: string): Promise<ReadonlySet<string> | null> {
  return (await readPublicationState(dataSource, name))?.tables ?? null;
}

/** What somebody with the right to do it runs so that `alignPublication` has nothing left to do. */
export async function publicationStatements(dataSource: DataSource, name: string, { tables, shape }: { readonly tables: readonly TableName[]; readonly shape: PublicationShape }): Promise<string[]> {
  return onDatabase(dataSource, async (sql) => {
    const version = await serverVersion(sql);
    const found = await readPublication(sql, name, { version, shape });
    const list = tables.map(only).join(', ');
    const options = publicationOptions(version, shape);
    if (found === null) return [`CREATE PUBLICATION ${quoteName(name)} FOR TABLE ${list} WITH (${options})`];
    return [...(found.settings ? [] : [`ALTER PUBLICATION ${quoteName(name)} SET (${options})`]), `ALTER PUBLICATION ${quoteName(name)} SET TABLE ${list}`];
  });
}

export async function dropPublication(dataSource: DataSource, name: string): Promise<void> {
  await inTransaction(dataSource, (sql) => sql.execute(`DROP PUBLICATION IF EXISTS ${quoteName(name)}`));
}

/** Without ONLY the tables that inherit from it would become members of their own. */
function only(table: TableName): string {
  return `ONLY ${quoteTable(table)}`;
}

function publicationOptions(version: number, { viaRoot }: PublicationShape): string {
  const generated = version >= GENERATED_COLUMNS_VERSION ? ', publish_generated_columns = stored' : '';
  return `publish = 'insert, update, delete, truncate', publish_via_partition_root = ${String(viaRoot)}${generated}`;
}

async function serverVersion(sql: Sql): Promise<number> {
  const [row] = await sql.query<{ version: string }>(`SELECT current_setting('server_version_num') AS version`);
  return Number(row?.version);
}

async function readPublication(sql: Sql, name: string, { version, shape }: { readonly version: number; readonly shape: PublicationShape }): Promise<PublicationRow | null> {
  const schemas = version >= SCHEMA_PUBLICATIONS_VERSION ? 'EXISTS (SELECT FROM pg_publication_namespace s WHERE s.pnpubid = p.oid)' : 'false';
  const generated = version >= GENERATED_COLUMNS_VERSION ? `AND p.pubgencols = 's'` : '';
  const intact = 'p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate AND p.pubviaroot = $2';
  const rows = await sql.query<PublicationRow>(
    `SELECT p.oid::text AS oid, p.puballtables AS all, ${schemas} AS schemas,
            ${intact} AS intact, ${intact} ${generated} AS settings
       FROM pg_publication p WHERE p.pubname = $1`,
    [name, shape.viaRoot],
  );
  return rows[0] ?? null;
}

/** `whole`: listed without row filter or column list. */
async function readMembers(sql: Sql, oid: string, version: number): Promise<(TableName & { readonly whole: boolean })[]> {
  const whole = version >= SCHEMA_PUBLICATIONS_VERSION ? 'r.prqual IS NULL AND r.prattrs IS NULL' : 'true';
  return sql.query<TableName & { readonly whole: boolean }>(
    `SELECT n.nspname AS schema, c.relname AS name, ${whole} AS whole
       FROM pg_publication_rel r JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE r.prpubid = $1::oid`,
    [oid],
  );
}

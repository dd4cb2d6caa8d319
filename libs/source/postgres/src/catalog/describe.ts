import { tableId, type ColumnSchema } from '@elstream/core';
import { quoteName, quoteTable, type Sql } from '@elstream/database';
import { selectTables, type Selected, type SourceTable, type TableSelection } from '@elstream/source';
import { describeType } from './column-type';
import { listColumns, type CatalogColumn } from './columns';
import { chooseKey } from './key';
import { listLeaves, listRelations, listUniqueIndexes, type Relation, type UniqueIndex } from './relations';

interface Catalog {
  readonly serverVersion: number;
  readonly role: string;
  readonly columns: ReadonlyMap<string, readonly CatalogColumn[]>;
  readonly indexes: ReadonlyMap<string, readonly UniqueIndex[]>;
  readonly leaves: ReadonlyMap<string, readonly Relation[]>;
  readonly byOid: ReadonlyMap<string, Relation>;
  readonly selected: ReadonlySet<string>;
}

/** The tables a selection names, each with everything that stands in its way. Reads the catalog only. */
export async function describeTables(sql: Sql, selection: TableSelection): Promise<SourceTable[]> {
  const relations = await listRelations(sql);
  const picked = selectTables(relations, selection);
  const selected = new Set(picked.map((p) => p.table.oid));
  const listed = picked.filter((p) => p.exact || mayMatchByPattern(p.table, selected));
  const oids = listed.map((p) => p.table.oid);
  const [server] = await sql.query<{ version: number; role: string }>(`SELECT current_setting('server_version_num')::int AS version, current_user::text AS role`);
  const leaves = await listLeaves(sql, listed.filter((p) => p.table.relkind === 'p').map((p) => p.table.oid));
  const leafOids = [...leaves.values()].flat().map((leaf) => leaf.oid);
  const catalog: Catalog = {
    serverVersion: server?.version ?? 0,
    role: server?.role ?? 'the connecting role',
    columns: await listColumns(sql, oids),
    indexes: await listUniqueIndexes(sql, [...oids, ...leafOids]),
    leaves,
    byOid: new Map(relations.map((r) => [r.oid, r])),
    selected,
  };
  return listed.map((entry) => describeTable(catalog, entry, selection));
}

/** What a wildcard yields: things that can be tables of a pipeline, and each row once. Unlogged tables are told, not hidden. */
function mayMatchByPattern(relation: Relation, selected: ReadonlySet<string>): boolean {
  if (!['r', 'p'].includes(relation.relkind) || relation.relpersistence === 't' || relation.inherits) return false;
  return !relation.ancestors.some((oid) => selected.has(oid));
}

function describeTable(catalog: Catalog, { table: relation }: Selected<Relation>, selection: TableSelection): SourceTable {
  const id = tableId(relation);
  const columns = catalog.columns.get(relation.oid) ?? [];
  const leaves = catalog.leaves.get(relation.oid) ?? [];
  const excluded = new Set(selection.excludedColumns.get(id) ?? []);
  const shape = { schema: relation.schema, name: relation.name, columns: columns.map(toColumnSchema) };
  const kind = kindProblems(catalog, relation);
  if (kind.length > 0) return { schema: { ...shape, key: [] }, estimatedRows: null, problems: kind };
  const choice = chooseKey({
    relation,
    leaves,
    indexesOf: (r) => catalog.indexes.get(r.oid) ?? [],
    notNull: new Set(columns.filter((c) => c.notNull).map((c) => c.name)),
    columns: new Set(columns.map((c) => c.name)),
    excluded,
    configured: selection.keys.get(id) ?? null,
  });
  const carried = columns.filter((c) => !excluded.has(c.name));
  const problems = [...accessProblems(catalog, relation, carried), ...choice.problems, ...leaves.flatMap(leafKindProblems(id)), ...columnProblems(catalog, id, carried)];
  return { schema: { ...shape, key: choice.key }, estimatedRows: estimate(relation, leaves), problems };
}

function toColumnSchema(column: CatalogColumn): ColumnSchema {
  const { type, portable } = describeType(column.resolved);
  return { name: column.name, type, native: column.native, portable, nullable: !column.notNull };
}

function kindProblems(catalog: Catalog, relation: Relation): string[] {
  const id = tableId(relation);
  const root = relation.ancestors.find((oid) => catalog.selected.has(oid));
  if (root !== undefined) {
    const rootRelation = catalog.byOid.get(root);
    return [`${id}: it is a partition of ${rootRelation === undefined ? 'a selected table' : tableId(rootRelation)}, which is replicated as a whole; take one of the two out`];
  }
  const what = kindName(relation);
  return what === null ? [] : [`${id}: it is ${what}, whose changes are not in the log; exclude it${relation.relpersistence === 'u' ? ` or run ALTER TABLE ${quoteTable(relation)} SET LOGGED` : ''}`];
}

function kindName(relation: Relation): string | null {
  if (relation.relkind === 'f') return 'a foreign table';
  if (relation.relkind === 'v') return 'a view';
  if (relation.relkind === 'm') return 'a materialized view';
  if (relation.relpersistence === 't') return 'a temporary table';
  if (relation.relpersistence === 'u') return 'an unlogged table';
  if (relation.inherits) return 'an inheritance child';
  return null;
}

function leafKindProblems(rootId: string): (leaf: Relation) => string[] {
  return (leaf) => {
    const what = leaf.inherits ? null : kindName(leaf);
    return what === null ? [] : [`${rootId}: its partition ${tableId(leaf)} is ${what}, whose changes are not in the log; detach the partition or exclude the table`];
  };
}

function accessProblems(catalog: Catalog, relation: Relation, carried: readonly CatalogColumn[]): string[] {
  const id = tableId(relation);
  const role = quoteName(catalog.role);
  const problems: string[] = [];
  if (!relation.schemaUsable) problems.push(`${id}: role ${catalog.role} may not use its schema; run GRANT USAGE ON SCHEMA ${quoteName(relation.schema)} TO ${role}`);
  const unreadable = carried.filter((c) => !c.readable).map((c) => c.name);
  if (unreadable.length > 0) {
    const which = unreadable.length === carried.length ? 'it' : `column${unreadable.length > 1 ? 's' : ''} ${unreadable.join(', ')}`;
    problems.push(`${id}: role ${catalog.role} may not read ${which}; run GRANT SELECT ON ${quoteTable(relation)} TO ${role}`);
  }
  if (relation.rowsHidden) problems.push(`${id}: row-level security hides rows from role ${catalog.role}; run ALTER ROLE ${role} BYPASSRLS, or exclude the table`);
  if (!relation.owned) problems.push(`${id}: role ${catalog.role} may not publish it, because only its owner can; run GRANT ${quoteName(relation.owner)} TO ${role}`);
  return problems;
}

function columnProblems(catalog: Catalog, id: string, carried: readonly CatalogColumn[]): string[] {
  return carried.flatMap((column) => {
    const { refusal } = describeType(column.resolved);
    if (refusal !== null) return [`${id}: column ${column.name} of type ${column.native} cannot be carried: ${refusal}; exclude the column`];
    if (column.generated === 'v') return [`${id}: column ${column.name} is a virtual generated column, which the log does not hold; exclude the column`];
    if (column.generated === 's' && catalog.serverVersion < 180_000) {
      return [`${id}: column ${column.name} is a generated column, which PostgreSQL publishes from version 18 on only; exclude the column`];
    }
    return [];
  });
}

function estimate(relation: Relation, leaves: readonly Relation[]): number | null {
  const known = (relation.relkind === 'p' ? leaves : [relation]).map((r) => r.reltuples).filter((n) => n >= 0);
  return known.length === 0 ? null : Math.round(known.reduce((sum, n) => sum + n, 0));
}

import { tableId, type TableMapping } from '@elstream/core';
import { quoteName, quoteTable, type Sql } from '@elstream/database';
import { listColumns, type CatalogColumn } from './columns';
import { listRelations, type Relation } from './relations';

/**
 * What keeps the history tables of these mappings from being copied, as sentences with remedies: it is not there, is no
 * table, lacks a mapped column or has it of another type, or may not be read. Mappings without copied history have none.
 */
export async function checkHistory(sql: Sql, mappings: readonly TableMapping[]): Promise<string[]> {
  const copied = mappings.filter((mapping) => mapping.history?.kind === 'copied');
  if (copied.length === 0) return [];
  const relations = new Map((await listRelations(sql)).map((relation) => [tableId(relation), relation]));
  const pairs = copied.map((mapping) => ({ mapping, rows: relations.get(mapping.id) ?? relations.get(tableId(mapping.source)), versions: versionsOf(mapping, relations) }));
  const columns = await listColumns(sql, pairs.flatMap(({ rows, versions }) => [rows?.oid, versions?.oid]).filter((oid) => oid !== undefined));
  const [server] = await sql.query<{ role: string }>('SELECT current_user::text AS role');
  const columnsOf = (relation: Relation | undefined): readonly CatalogColumn[] => (relation === undefined ? [] : (columns.get(relation.oid) ?? []));
  return pairs.flatMap(({ mapping, rows, versions }) => problemsOf({ mapping, versions, rowColumns: columnsOf(rows), columns: columnsOf(versions), role: server?.role ?? 'the connecting role' }));
}

function versionsOf(mapping: TableMapping, relations: ReadonlyMap<string, Relation>): Relation | undefined {
  const source = mapping.history?.source ?? null;
  return source === null ? undefined : relations.get(tableId(source));
}

interface Pair {
  readonly mapping: TableMapping;
  readonly versions: Relation | undefined;
  readonly rowColumns: readonly CatalogColumn[];
  readonly columns: readonly CatalogColumn[];
  readonly role: string;
}

const REMEDY = 'name another history table (history.table), or set history to derived or none';

function problemsOf({ mapping, versions, rowColumns, columns, role }: Pair): string[] {
  const { id, history } = mapping;
  const source = history?.source ?? null;
  if (source === null || history === undefined) return [`${id}: its history is to be copied, but no history table is named; ${REMEDY}`];
  const name = tableId(source);
  if (history.period === null) return [`${id}: its history is to be copied from ${name}, but no period columns are named; set history.period, or set history to derived`];
  if (versions === undefined) return [`${id}: its history table ${name} is not in the source; ${REMEDY}`];
  if (!['r', 'p'].includes(versions.relkind)) return [`${id}: its history table ${name} is no table; ${REMEDY}`];
  const problems = columnProblems(mapping, name, rowColumns, columns);
  const granted = `TO ${quoteName(role)}`;
  if (!versions.schemaUsable) problems.push(`${id}: role ${role} may not use the schema of its history table ${name}; run GRANT USAGE ON SCHEMA ${quoteName(versions.schema)} ${granted}`);
  const mapped = new Set(mapping.columns.map((c) => c.source));
  if (columns.some((c) => mapped.has(c.name) && !c.readable)) problems.push(`${id}: role ${role} may not read its history table ${name}; run GRANT SELECT ON ${quoteTable(source)} ${granted}`);
  if (versions.rowsHidden) problems.push(`${id}: row-level security hides versions in ${name} from role ${role}; run ALTER ROLE ${quoteName(role)} BYPASSRLS`);
  return problems;
}

function columnProblems(mapping: TableMapping, name: string, rowColumns: readonly CatalogColumn[], columns: readonly CatalogColumn[]): string[] {
  const { id } = mapping;
  return mapping.columns.flatMap(({ source }) => {
    const here = columns.find((c) => c.name === source);
    if (here === undefined) return [`${id}: its history table ${name} has no column ${source}; add it, or exclude the column`];
    const there = rowColumns.find((c) => c.name === source);
    if (there === undefined || there.native === here.native) return [];
    return [`${id}: column ${source} is ${there.native} in the table and ${here.native} in its history table ${name}; make the types equal, or exclude the column`];
  });
}

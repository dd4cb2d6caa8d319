import { tableId, type ColumnSchema } from '@elstream/core';
import { bracket, bracketTable, nString, type TSql } from '@elstream/database';
import { selectTables, type Selected, type SourceTable, type TableSelection } from '@elstream/source';
import { listColumns, listRowFilters, listTables, listUniqueIndexes, readLogin, type UniqueIndex } from './catalog';
import { describeType } from './column-type';
import { chooseKey } from './key';
import { type CatalogColumn, type CatalogTable, type LoginFacts } from './tables-sql';

/** What the catalog says of the tables looked at. */
export interface Catalog {
  readonly login: LoginFacts;
  /** By object id, in the table's order. */
  readonly columns: ReadonlyMap<string, readonly CatalogColumn[]>;
  readonly indexes: ReadonlyMap<string, readonly UniqueIndex[]>;
  readonly rowFilters: ReadonlyMap<string, string>;
  /** Whether a table has to be captured (change data capture) to be replicated. */
  readonly capture: boolean;
}

const HIDDEN = '; tables that the login may not read are not shown to it: GRANT SELECT on it first';

/** The tables a selection names, each with everything that stands in its way. Reads the catalog only. */
export async function describeTables(sql: TSql, selection: TableSelection, capture: boolean): Promise<SourceTable[]> {
  const picked = selectTables(await listTables(sql), selection, () => HIDDEN);
  const listed = picked.filter((p) => p.exact || mayMatchByPattern(p.table));
  const ids = listed.map((p) => p.table.id);
  const login = await readLogin(sql);
  const catalog: Catalog = {
    login,
    columns: await listColumns(sql, ids),
    indexes: await listUniqueIndexes(sql, ids),
    rowFilters: login.policies ? await listRowFilters(sql, ids) : new Map(),
    capture,
  };
  return listed.map((entry) => describeTable(catalog, entry, selection));
}

/** What a wildcard yields: things that can be tables of a pipeline. Those that capture does not take are told, not hidden. */
function mayMatchByPattern(table: CatalogTable): boolean {
  return table.kind === 'U' && !table.external && table.temporal !== 1;
}

/** Pure. */
export function describeTable(catalog: Catalog, { table }: Pick<Selected<CatalogTable>, 'table'>, selection: TableSelection): SourceTable {
  const id = tableId(table);
  const all = catalog.columns.get(table.id) ?? [];
  // Capture records NULL for computed columns: as if they were not there. The warehouse can compute them again.
  const columns = all.filter((c) => !c.computed);
  const excluded = new Set(selection.excludedColumns.get(id) ?? []);
  const shape = { schema: table.schema, name: table.name, columns: columns.map(toColumnSchema) };
  const kind = kindProblem(table, all);
  if (kind !== null) return { schema: { ...shape, key: [] }, estimatedRows: null, problems: [`${id}: ${kind}`] };
  const choice = chooseKey({ table, indexes: catalog.indexes.get(table.id) ?? [], columns: all, excluded, configured: selection.keys.get(id) ?? null });
  const carried = columns.filter((c) => !excluded.has(c.name));
  const problems = [...accessProblems(catalog, table, carried), ...captureProblems(catalog, table), ...choice.problems, ...carried.flatMap(columnProblems(id))];
  return { schema: { ...shape, key: choice.key }, estimatedRows: table.estimatedRows === null ? null : Number(table.estimatedRows), problems };
}

function toColumnSchema(column: CatalogColumn): ColumnSchema {
  const { type, native, portable } = describeType(column);
  return { name: column.name, type, native, portable, nullable: column.nullable };
}

function kindProblem(table: CatalogTable, columns: readonly CatalogColumn[]): string | null {
  if (table.kind !== 'U') return 'it is a view, whose changes cannot be captured; replicate the tables under it';
  if (table.external) return 'it is an external table, whose rows are elsewhere; exclude it, or replicate it from where they are';
  if (table.temporal === 1) return `it is the history table of ${table.versionsOf ?? 'a system-versioned table'}, which change data capture does not take; exclude it, and replicate that table with history: copied`;
  if (table.memoryOptimized) return 'it is memory-optimized, which change data capture does not take; exclude it';
  if (table.fileTable) return 'it is a FileTable, which change data capture does not take; exclude it';
  if (table.graph) return 'it is a node or edge table, whose identifiers have no meaning elsewhere; exclude it';
  if (columns.some((c) => c.generated > 2)) return 'it is a ledger table, which change data capture does not take; exclude it';
  if (table.columnstore) return 'it has a clustered columnstore index, which change data capture does not take; make that a clustered rowstore index with a nonclustered columnstore one beside it, or exclude the table';
  return null;
}

function accessProblems({ login, rowFilters }: Catalog, table: CatalogTable, carried: readonly CatalogColumn[]): string[] {
  const id = tableId(table);
  const user = bracket(login.user);
  const problems: string[] = [];
  const unreadable = carried.filter((c) => !c.readable).map((c) => c.name);
  if (unreadable.length > 0) {
    const which = unreadable.length === carried.length ? 'it' : `column${unreadable.length > 1 ? 's' : ''} ${unreadable.join(', ')}`;
    problems.push(`${id}: user ${login.user} may not read ${which}; run GRANT SELECT ON ${bracketTable(table)} TO ${user}`);
  }
  const masked = carried.filter((c) => c.masked).map((c) => c.name);
  if (masked.length > 0 && !login.unmask) {
    problems.push(`${id}: user ${login.user} gets masked values of column${masked.length > 1 ? 's' : ''} ${masked.join(', ')}; run GRANT UNMASK TO ${user}, or exclude the column (columns.mask hides values on their way)`);
  }
  const policy = rowFilters.get(table.id);
  if (policy !== undefined) problems.push(`${id}: security policy ${policy} may hide rows from user ${login.user}; let its predicate pass the user and disable the policy's filter for this table, or exclude the table`);
  return problems;
}

/** Where the login may, capture enables the table when the pipeline is prepared. The statement names no columns, so that all of them are captured. */
function captureProblems({ capture, login }: Catalog, table: CatalogTable): string[] {
  if (!capture || table.captured || login.owner) return [];
  const enable = `EXEC sys.sp_cdc_enable_table @source_schema = ${nString(table.schema)}, @source_name = ${nString(table.name)}, @role_name = NULL, @supports_net_changes = 0`;
  return [`${tableId(table)}: its changes are not captured; run ${enable}`];
}

function columnProblems(id: string): (column: CatalogColumn) => string[] {
  return (column) => {
    const { native, refusal } = describeType(column);
    if (refusal !== null) return [`${id}: column ${column.name} of type ${native} cannot be carried: ${refusal}; exclude the column`];
    if (column.encrypted) return [`${id}: column ${column.name} is encrypted by its clients (Always Encrypted), so that the server does not know its values; exclude the column`];
    if (column.columnSet) return [`${id}: column ${column.name} is a column set, which change data capture does not take; drop the column set, or exclude the table`];
    return [];
  };
}

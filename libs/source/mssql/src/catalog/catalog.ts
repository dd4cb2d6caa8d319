import { t, type TSql } from '@elstream/database';
import { LIST_COLUMNS, LIST_ROW_FILTERS, LIST_TABLES, LIST_UNIQUE_INDEXES, READ_LOGIN, type CatalogColumn, type CatalogTable, type IndexColumn, type LoginFacts } from './tables-sql';

/** Key columns in index order. */
export interface UniqueIndex {
  readonly primary: boolean;
  readonly columns: readonly string[];
}

export async function listTables(sql: TSql): Promise<CatalogTable[]> {
  return sql.rows<CatalogTable>(LIST_TABLES);
}

export async function listColumns(sql: TSql, tables: readonly string[]): Promise<Map<string, CatalogColumn[]>> {
  return groupBy(await sql.rows<CatalogColumn>(LIST_COLUMNS, idsOf(tables)), (column) => column.table);
}

export async function listUniqueIndexes(sql: TSql, tables: readonly string[]): Promise<Map<string, UniqueIndex[]>> {
  const byTable = groupBy(await sql.rows<IndexColumn>(LIST_UNIQUE_INDEXES, idsOf(tables)), (row) => row.table);
  return new Map([...byTable].map(([table, rows]) => [table, indexesOf(rows)]));
}

/** Table → the security policy that hides rows of it. */
export async function listRowFilters(sql: TSql, tables: readonly string[]): Promise<Map<string, string>> {
  const rows = await sql.rows<{ table: string; policy: string }>(LIST_ROW_FILTERS, idsOf(tables));
  return new Map(rows.map(({ table, policy }) => [table, policy]));
}

export async function readLogin(sql: TSql): Promise<LoginFacts> {
  const [facts] = await sql.rows<LoginFacts>(READ_LOGIN);
  if (facts === undefined) throw new RangeError('the server did not say who is connected');
  return facts;
}

function indexesOf(rows: readonly IndexColumn[]): UniqueIndex[] {
  return [...groupBy(rows, (row) => String(row.index)).values()].map((columns) => ({ primary: columns[0]?.isPrimary ?? false, columns: columns.map((c) => c.column) }));
}

const idsOf = (tables: readonly string[]) => ({ tables: t.json(tables.map(Number)) });

function groupBy<T>(rows: readonly T[], keyOf: (row: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const group = groups.get(keyOf(row));
    if (group === undefined) groups.set(keyOf(row), [row]);
    else group.push(row);
  }
  return groups;
}

import { tableId, type TableMapping, type TableName } from '@elstream/core';
import { bracket, bracketTable, type TSql } from '@elstream/database';
import { listColumns, listTables, readLogin } from './catalog';
import { describeType } from './column-type';
import { type CatalogColumn, type CatalogTable } from './tables-sql';

/** How the server keeps the versions of a table. */
export interface SystemVersions {
  readonly history: TableName;
  readonly from: string;
  readonly to: string;
}

/**
 * What keeps the history tables of these mappings from being copied, as sentences with remedies: it is not there, is not
 * the one the server keeps, lacks a mapped column or has it of another type, or may not be read. Mappings without copied
 * history have none.
 */
export async function checkHistory(sql: TSql, mappings: readonly TableMapping[]): Promise<string[]> {
  const copied = mappings.filter((mapping) => mapping.history?.kind === 'copied');
  if (copied.length === 0) return [];
  const tables = new Map((await listTables(sql)).map((table) => [tableId(table), table]));
  const { user } = await readLogin(sql);
  const problems: string[] = [];
  for (const mapping of copied) {
    const rows = tables.get(tableId(mapping.source));
    const versions = mapping.history?.source === null || mapping.history === undefined ? undefined : tables.get(tableId(mapping.history.source));
    const columns = await listColumns(sql, [rows?.id, versions?.id].filter((id) => id !== undefined));
    const columnsOf = (table: CatalogTable | undefined): readonly CatalogColumn[] => (table === undefined ? [] : (columns.get(table.id) ?? []));
    problems.push(...historyProblems({ mapping, versions, kept: systemVersions(rows, columnsOf(rows)), rowColumns: columnsOf(rows), columns: columnsOf(versions), user }));
  }
  return problems;
}

/** Null: the table is not system-versioned. Pure. */
export function systemVersions(table: CatalogTable | undefined, columns: readonly CatalogColumn[]): SystemVersions | null {
  if (table?.temporal !== 2 || table.historySchema === null || table.historyName === null) return null;
  const [from, to] = [1, 2].map((generated) => columns.find((c) => c.generated === generated)?.name ?? '');
  return { history: { schema: table.historySchema, name: table.historyName }, from: from ?? '', to: to ?? '' };
}

export interface HistoryFacts {
  readonly mapping: TableMapping;
  /** The history table that the mapping names, if it is there. */
  readonly versions: CatalogTable | undefined;
  /** Null: the table is not system-versioned. */
  readonly kept: SystemVersions | null;
  readonly rowColumns: readonly CatalogColumn[];
  readonly columns: readonly CatalogColumn[];
  readonly user: string;
}

const REMEDY = 'or set history to derived or none';

/** Pure. */
export function historyProblems(facts: HistoryFacts): string[] {
  const { mapping, versions, kept, columns, user } = facts;
  const { id, history } = mapping;
  const source = history?.source ?? null;
  if (history === undefined || source === null) return [`${id}: its history is to be copied, but no history table is named; name one (history.table), ${REMEDY}`];
  const name = tableId(source);
  if (history.period === null) return [`${id}: its history is to be copied from ${name}, but no period columns are named; set history.period, ${REMEDY}`];
  const other = kept === null ? [] : otherwiseKept(facts, kept, source);
  if (other.length > 0) return other;
  if (versions === undefined) return [`${id}: its history table ${name} is not in the source, or the user ${user} may not read it; name another (history.table), run GRANT SELECT ON ${bracketTable(source)} TO ${bracket(user)}, ${REMEDY}`];
  if (versions.kind !== 'U') return [`${id}: its history table ${name} is no table; name another (history.table), ${REMEDY}`];
  const problems = columnProblems(facts, name);
  const mapped = new Set(mapping.columns.map((c) => c.source));
  if (columns.some((c) => mapped.has(c.name) && !c.readable)) problems.push(`${id}: user ${user} may not read its history table ${name}; run GRANT SELECT ON ${bracketTable(source)} TO ${bracket(user)}`);
  return problems;
}

/** The server keeps the versions elsewhere, or bounds them by other columns. */
function otherwiseKept({ mapping }: HistoryFacts, kept: SystemVersions, source: TableName): string[] {
  const { id, history, columns } = mapping;
  const period = history?.period ?? null;
  const named = (index: number | undefined): string => columns[index ?? -1]?.source ?? '';
  const problems: string[] = [];
  if (tableId(kept.history) !== tableId(source)) problems.push(`${id}: the server keeps its versions in ${tableId(kept.history)}, not in ${tableId(source)}; set history.table to ${tableId(kept.history)}, ${REMEDY}`);
  if (named(period?.from) !== kept.from || named(period?.to) !== kept.to) problems.push(`${id}: the server bounds its versions by the columns ${kept.from} and ${kept.to}, not by ${named(period?.from)} and ${named(period?.to)}; set history.period to [${kept.from}, ${kept.to}]`);
  return problems;
}

function columnProblems({ mapping, rowColumns, columns }: HistoryFacts, name: string): string[] {
  const { id } = mapping;
  return mapping.columns.flatMap(({ source }) => {
    const here = columns.find((c) => c.name === source);
    if (here === undefined) return [`${id}: its history table ${name} has no column ${source}; add it, or exclude the column`];
    const there = rowColumns.find((c) => c.name === source);
    const [native, kept] = [there, here].map((c) => (c === undefined ? null : describeType(c).native));
    if (native === null || native === kept) return [];
    return [`${id}: column ${source} is ${native ?? ''} in the table and ${kept ?? ''} in its history table ${name}; make the types equal, or exclude the column`];
  });
}

import { tableId, type HistoryMapping, type MappedColumn, type Product, type TableName } from '@elstream/core';
import type { KeptHistory } from './effective-setting';
import { DEFAULT_PERIOD } from './history-setting';
import { foldName, isName, nameLimit } from './name-limit';
import { parseTablePattern } from './table-pattern';

/** Schema of the control tables. */
export const RESERVED_SCHEMA = 'elstream';

/** Columns a history table has beside those of its table. */
const OWN_COLUMNS = new Set(['valid_from', 'valid_to', 'deleted']);

/** Suffix of the function that gives a table as of a moment. */
const AS_OF = '_as_of';

interface Table {
  readonly source: TableName;
  readonly target: TableName;
  readonly columns: readonly MappedColumn[];
  readonly wanted: KeptHistory | null;
  readonly warehouse: Product;
}

/** How the table's superseded versions are kept; null: not, or there is one of the `problems` it adds. */
export function mapHistory(table: Table, problems: string[]): HistoryMapping | null {
  const { source, target, columns, wanted } = table;
  if (wanted === null) return null;
  const name: TableName = { schema: wanted.target.schema ?? target.schema, name: wanted.target.name ?? `${target.name}_archive` };
  const period = wanted.period ?? (wanted.kind === 'copied' ? DEFAULT_PERIOD : null);
  const found = [...(period === null ? [] : periodProblems(table, wanted, period)), ...ownColumnProblems(table, period ?? []), ...nameProblems(table, name)];
  problems.push(...found);
  if (found.length > 0) return null;
  const indexOf = (column: string): number => columns.findIndex((c) => c.source === column);
  return {
    kind: wanted.kind,
    target: name,
    source: wanted.kind === 'copied' ? sourceOf(wanted, source) : null,
    period: period === null ? null : { from: indexOf(period[0]), to: indexOf(period[1]) },
  };
}

function sourceOf({ table }: KeptHistory, source: TableName): TableName {
  const named = table === undefined ? null : parseTablePattern(table);
  return named?.kind === 'exact' ? { schema: named.table.schema, name: named.table.name } : { schema: source.schema, name: `${source.name}_archive` };
}

function periodProblems({ source, columns }: Table, wanted: KeptHistory, period: readonly [string, string]): string[] {
  const id = tableId(source);
  const setting = wanted.period === undefined ? `copied history takes its period from the columns ${DEFAULT_PERIOD.join(' and ')}; name others by history.period` : 'correct history.period';
  return period.flatMap((name) => {
    const column = columns.find((c) => c.source === name);
    if (column === undefined) return [`table ${id} has no column ${name} (or leaves it out), which bounds the period of its history; ${setting}, or take it out of columns.exclude`];
    if (column.mask !== null) return [`column ${name} of table ${id} bounds the period of its history and cannot be masked; leave it unmasked or name other columns by history.period`];
    if (column.type.kind !== 'timestamp' && column.type.kind !== 'date') return [`column ${name} of table ${id} bounds the period of its history, but is neither a timestamp nor a date (${column.targetType}); ${setting}`];
    return [];
  });
}

function ownColumnProblems({ source, columns, warehouse }: Table, period: readonly string[]): string[] {
  const own = (c: MappedColumn): string => foldName(c.target, warehouse);
  return columns
    .filter((c) => OWN_COLUMNS.has(own(c)) && (own(c) === 'deleted' || !period.includes(c.source)))
    .map((c) => `column ${c.source} of table ${tableId(source)} would be called ${c.target}, a name its history table keeps for itself; rename it by columns.rename${own(c) === 'deleted' ? '' : ', or name it by history.period if it bounds the period'}`);
}

function nameProblems({ source, target, warehouse }: Table, name: TableName): string[] {
  const id = tableId(source);
  const out: string[] = [];
  const tooLong = (what: string, text: string, setting: string): void => {
    if (!isName(text, warehouse)) out.push(`${what} '${text}' of table ${id} is longer than ${nameLimit(warehouse)}, the most the warehouse takes; shorten it by ${setting}`);
  };
  tooLong('history table', name.name, 'history.target.name');
  tooLong('history function', `${target.name}${AS_OF}`, 'target.name');
  if (foldName(name.schema, warehouse) === RESERVED_SCHEMA) out.push(`history of table ${id} would be kept in schema ${RESERVED_SCHEMA}, which holds the control tables; set another history.target.schema`);
  return out;
}

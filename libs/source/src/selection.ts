import { ElstreamError, tableId, type TableName } from '@elstream/core';
import type { TableSelection } from './source-database';

/** A relation a selection picked; `exact`: an entry without wildcard names it. */
export interface Selected<T extends TableName> {
  readonly table: T;
  readonly exact: boolean;
}

const isPattern = (entry: string): boolean => /[*?]/.test(entry);
const plainName = (table: TableName): string => `${table.schema}.${table.name}`;

/**
 * The tables that `include` names and `exclude` does not, in the given order. Both are matched against `schema.name`
 * and against the table id, which quotes unusual parts; `*` stands for any characters, dots too, `?` for one.
 * Throws TABLE_NOT_FOUND for an exact entry that names no table, TABLE_AMBIGUOUS for one that names two.
 * @param unseen what else may be the reason for a table not found, with its remedy
 */
export function selectTables<T extends TableName>(tables: readonly T[], selection: Pick<TableSelection, 'include' | 'exclude'>, unseen: (entry: string) => string = () => ''): Selected<T>[] {
  const exact = new Set<T>();
  for (const entry of selection.include.filter((e) => !isPattern(e))) exact.add(findExact(tables, entry, unseen));
  const excluded = anyOf(selection.exclude);
  const included = anyOf(selection.include.filter(isPattern));
  return tables
    .filter((table) => !excluded(table) && (exact.has(table) || included(table)))
    .map((table) => ({ table, exact: exact.has(table) }));
}

function findExact<T extends TableName>(tables: readonly T[], entry: string, unseen: (entry: string) => string): T {
  const [first, second] = [(t: T) => tableId(t) === entry, (t: T) => plainName(t) === entry].map((is) => tables.filter(is)).find((found) => found.length > 0) ?? [];
  if (first === undefined) {
    throw new ElstreamError('TABLE_NOT_FOUND', 'refuse', `the source has no table ${entry}; write it as schema.name, spelled as in the catalog, or take it out of the pipeline${unseen(entry)}`, {
      place: { table: entry },
    });
  }
  if (second !== undefined) {
    throw new ElstreamError('TABLE_AMBIGUOUS', 'refuse', `${entry} can mean ${tableId(first)} or ${tableId(second)}; write the one you mean with its quotes`, { place: { table: entry } });
  }
  return first;
}

function anyOf(entries: readonly string[]): (table: TableName) => boolean {
  const tests = entries.map((entry) => {
    if (!isPattern(entry)) return (text: string) => text === entry;
    const pattern = new RegExp(`^${entry.replace(/[.+^${}()|[\]\\/]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.')}$`, 'su');
    return (text: string) => pattern.test(text);
  });
  return (table) => tests.some((test) => test(plainName(table)) || test(tableId(table)));
}

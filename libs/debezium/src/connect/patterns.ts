import { type TableName } from '@elstream/core';
import { type CapturedTable } from './plan-options';

/**
 * Debezium's lists are regular expressions, parted by commas, held against `schema.table` as a whole and *without regard to
 * case*: `public.item` would capture `public."Item"` too, hence the flag. All but letters, digits and underscores are
 * written as escapes of Java, so that no name can part the list (comma, semicolon, colon) or mean anything.
 */
const SENSITIVE = '(?-i)';

function literal(name: string): string {
  return name.replace(/[^A-Za-z0-9_]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

const tablePattern = ({ schema, name }: TableName): string => `${SENSITIVE}${literal(schema)}\\.${literal(name)}`;

/** `table.include.list` */
export function includeList(tables: readonly TableName[]): string {
  return tables.map(tablePattern).join(',');
}

/** `column.exclude.list`; empty if there is nothing to leave out. */
export function excludeList(tables: readonly CapturedTable[]): string {
  return tables.flatMap((table) => (table.excluded ?? []).map((column) => `${tablePattern(table)}\\.${literal(column)}`)).join(',');
}

/** `message.key.columns`; empty if every key is the primary key. */
export function keyColumns(tables: readonly CapturedTable[]): string {
  return tables.flatMap((table) => (table.key === undefined ? [] : [`${tablePattern(table)}:${table.key.map(literal).join(',')}`])).join(';');
}

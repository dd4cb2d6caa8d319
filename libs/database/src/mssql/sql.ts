import type { TableName } from '@elstream/core';

/** Quotes one identifier for T-SQL (R10): dots, quotes and any letters are just characters. */
export function bracket(name: string): string {
  if (name.includes('\0') || name === '') throw new RangeError(`not an identifier: ${JSON.stringify(name)}`);
  return `[${name.replaceAll(']', ']]')}]`;
}

export function bracketTable(table: TableName): string {
  return `${bracket(table.schema)}.${bracket(table.name)}`;
}

/** A string literal, for the few places that take no parameter (DDL, names of applocks). */
export function nString(text: string): string {
  if (text.includes('\0')) throw new RangeError('a literal cannot contain NUL');
  return `N'${text.replaceAll("'", "''")}'`;
}

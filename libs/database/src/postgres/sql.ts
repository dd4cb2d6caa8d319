import { LogPosition, type TableName } from '@elstream/core';

/** Quotes one identifier (R10): dots, quotes, brackets and any letters are just characters. NUL cannot occur in one. */
export function quoteName(name: string): string {
  if (name.includes('\0') || name === '') throw new RangeError(`not an identifier: ${JSON.stringify(name)}`);
  return `"${name.replaceAll('"', '""')}"`;
}

export function quoteTable(table: TableName): string {
  return `${quoteName(table.schema)}.${quoteName(table.name)}`;
}

/** A string literal for the few commands that take no parameters (replication protocol, DDL). */
export function quoteLiteral(text: string): string {
  if (text.includes('\0')) throw new RangeError('a literal cannot contain NUL');
  return text.includes('\\') ? ` E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'` : `'${text.replaceAll("'", "''")}'`;
}

export const LSN_BYTES = 8;

/** `16/B374D848` → position. */
export function parseLsn(text: string): LogPosition {
  const match = /^([0-9a-fA-F]{1,8})\/([0-9a-fA-F]{1,8})$/.exec(text);
  if (match === null) throw new RangeError(`not an LSN: '${text}'`);
  return LogPosition.fromBigInt((BigInt(`0x${match[1] ?? ''}`) << 32n) | BigInt(`0x${match[2] ?? ''}`), LSN_BYTES);
}

/** Position → `16/B374D848`, as PostgreSQL spells it. */
export function formatLsn(position: LogPosition): string {
  const value = position.toBigInt();
  return `${(value >> 32n).toString(16).toUpperCase()}/${(value & 0xffff_ffffn).toString(16).toUpperCase()}`;
}

/** A row of sort-preserving parts for `a > x` over several columns: `(a, b) >= ($1, $2)` uses a composite index. */
export function rowOf(parts: readonly string[]): string {
  return parts.length === 1 ? (parts[0] ?? '') : `(${parts.join(', ')})`;
}

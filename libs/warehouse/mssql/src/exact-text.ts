import { isText, KEY_COLLATION, type EntityColumn, type Target } from './target';

/**
 * Values told apart on the server exactly as R1 tells them apart: `=` does not, since collations, blanks at the end,
 * `-0` and offsets of equal instants are equal to it, and some types (xml) know no `=` at all.
 */

const BINARY = /^(binary|varbinary|image|rowversion|timestamp)\b/i;
const FLOAT = /^(float|real)\b/i;
const DATED = /^(date|time|datetime|datetime2|smalldatetime|datetimeoffset)\b/i;
const MONEY = /^(money|smallmoney)\b/i;

/** nvarchar(max) text of an expression of the column's type: equal for equal values alone. NULL of NULL. */
export function exactText(type: string, value: string): string {
  if (BINARY.test(type)) return `CONVERT(nvarchar(max), CONVERT(varbinary(max), ${value}), 2)`;
  if (/^real\b/i.test(type) || /^float\s*\(\s*([1-9]|1\d|2[0-4])\s*\)/i.test(type)) return `CONVERT(nvarchar(max), CONVERT(binary(4), CONVERT(real, ${value})), 2)`;
  if (FLOAT.test(type)) return `CONVERT(nvarchar(max), CONVERT(binary(8), CONVERT(float(53), ${value})), 2)`;
  if (DATED.test(type)) return `CONVERT(nvarchar(max), CONVERT(nvarchar(40), ${value}, 121))`;
  // two digits of its four would be shown
  if (MONEY.test(type)) return `CONVERT(nvarchar(max), ${value}, 2)`;
  // one collation for all: texts of several, as a bytewise key and a column of the database's, cannot be put together (error 468)
  return `CONVERT(nvarchar(max), ${value})${isText(type) ? ` COLLATE ${KEY_COLLATION}` : ''}`;
}

/** CONCAT takes 254 arguments. */
const MAX_ARGUMENTS = 200;

/**
 * binary(32), never NULL: the same for equal rows alone. `valueOf` gives each column's value as an expression of its type.
 * Each cell's length stands before it, so no value can pretend to be the next cell.
 */
export function imageDigest(columns: readonly EntityColumn[], valueOf: (column: EntityColumn) => string): string {
  const cells = columns.map((column) => {
    const text = exactText(column.type, valueOf(column));
    return `CASE WHEN ${valueOf(column)} IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(${text}), N':', ${text}) END`;
  });
  return `HASHBYTES('SHA2_256', ${concatenation([`CONVERT(nvarchar(max), N'')`, ...cells])})`;
}

function concatenation(parts: readonly string[]): string {
  if (parts.length === 1) return parts[0] ?? `N''`;
  if (parts.length <= MAX_ARGUMENTS) return `CONCAT(${parts.join(', ')})`;
  const groups: string[] = [];
  for (let at = 0; at < parts.length; at += MAX_ARGUMENTS) groups.push(concatenation(parts.slice(at, at + MAX_ARGUMENTS)));
  return concatenation(groups);
}

/** Digest of the row `alias` of the target. */
export function rowDigest(target: Pick<Target, 'columns'>, alias: string): string {
  return imageDigest(target.columns, (c) => `${alias}.${c.quoted}`);
}

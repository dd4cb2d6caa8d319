import { ElstreamError, floatText, type Cell, type ColumnType } from '@elstream/core';
import { mssqlType, type MssqlType } from './type-name';

/** A column of SQL Server, as far as its values go. `native` is its own spelling, alias types resolved. */
export interface MssqlColumn {
  readonly type: ColumnType;
  readonly native: string;
}

export interface SelectedCell {
  /** Goes into the select list. */
  readonly sql: string;
  /** Turns what the driver gives for it into the cell: all of nvarchar, half of a surrogate pair too, which no warehouse takes (R7). */
  readonly cell: (value: unknown) => Cell;
}

/**
 * How a column is selected so that its cell arrives without loss, the same as the change stream gives it. The driver makes
 * doubles of decimals and Dates of times: the server converts those to text. Code pages are decoded by the server, too,
 * which knows bytes that the driver's tables do not. Zeros at the end of fractions go here: cheaper than in T-SQL.
 * @param ref SQL of the column. @throws ElstreamError (refuse) for a type that cannot be carried
 */
export function selectCell({ type, native }: MssqlColumn, ref: string): SelectedCell {
  const held = mssqlType(native);
  switch (held.of) {
    case 'bit':
      return { sql: ref, cell: unlessNull((value) => (value === true || value === 1 ? 't' : value === false || value === 0 ? 'f' : unexpected(value, native))) };
    case 'integer':
      return { sql: ref, cell: unlessNull((value) => integerText(value, native)) };
    case 'float':
      return { sql: ref, cell: unlessNull((value) => (typeof value === 'number' ? floatText(value, held.bits) : unexpected(value, native))) };
    case 'binary':
    case 'rowversion':
      return { sql: ref, cell: unlessNull((value) => (Buffer.isBuffer(value) ? `\\x${value.toString('hex')}` : unexpected(value, native))) };
    case 'uuid':
      return { sql: ref, cell: unlessNull((value) => textOf(value, native).toLowerCase()) };
    case 'text':
      return { sql: unicodeText(held, ref), cell: unlessNull((value) => textOf(value, native)) };
    case 'xml':
      return { sql: `CONVERT(nvarchar(max), ${ref})`, cell: unlessNull((value) => textOf(value, native)) };
    case 'decimal':
    case 'money':
    case 'date':
      return { sql: printed(held, ref), cell: unlessNull((value) => textOf(value, native)) };
    case 'time':
    case 'datetime':
    case 'smalldatetime':
    case 'datetime2':
      return { sql: printed(held, ref), cell: unlessNull((value) => shortFraction(textOf(value, native))) };
    case 'datetimeoffset': {
      const instant = (text: string): string => `${shortFraction(text)}+00`;
      // the offset said to be given up: the instant alone
      if (type.kind === 'timestamp') return { sql: printed(held, ref), cell: unlessNull((value) => instant(textOf(value, native))) };
      return {
        sql: `${printed(held, ref)} + ${offsetText(ref)}`,
        cell: unlessNull((value) => {
          const text = textOf(value, native);
          return `${instant(text.slice(0, -OFFSET))} ${text.slice(-OFFSET)}`;
        }),
      };
    }
  }
  held satisfies never;
  return unexpected(native, native);
}

const OFFSET = '+00:00'.length;

/**
 * A value printed by the server, all digits of its fraction with it; language and date format do not matter to these
 * styles. Of a datetimeoffset: its instant, in UTC, without zone.
 */
export function printed(held: Extract<MssqlType, { of: 'decimal' | 'money' | 'date' | 'time' | 'datetime' | 'smalldatetime' | 'datetime2' | 'datetimeoffset' }>, ref: string): string {
  switch (held.of) {
    case 'decimal':
      return `CONVERT(varchar(41), ${ref})`;
    case 'money':
      // as it is, money shows two digits of its four
      return `CONVERT(varchar(41), CONVERT(decimal(19,4), ${ref}))`;
    case 'date':
      return `CONVERT(varchar(10), ${ref}, 23)`;
    case 'time':
      return `CONVERT(varchar(16), ${ref}, 121)`;
    case 'datetime':
      // the three digits that Debezium sends and that convert back to it; as a datetime2 it would be .9966667
      return `CONVERT(varchar(23), ${ref}, 121)`;
    case 'smalldatetime':
      return `CONVERT(varchar(19), ${ref}, 120)`;
    case 'datetime2':
      return `CONVERT(varchar(27), ${ref}, 121)`;
    case 'datetimeoffset':
      return `CONVERT(varchar(27), CONVERT(datetime2(${String(held.scale)}), SWITCHOFFSET(${ref}, '+00:00')), 121)`;
  }
}

/** `+11:00` */
export function offsetText(ref: string): string {
  return `RIGHT(CONVERT(varchar(34), ${ref}, 121), 6)`;
}

/** A text as nvarchar: what is none already is converted by the server. */
export function unicodeText({ name, unicode, length }: Extract<MssqlType, { of: 'text' }>, ref: string): string {
  if (unicode && name !== 'ntext') return ref;
  return `CONVERT(nvarchar(${length === null || length > 4000 ? 'max' : String(length)}), ${ref})`;
}

/** `….3400000` → `….34`, `….0000000` → nothing. */
function shortFraction(text: string): string {
  const point = text.indexOf('.');
  if (point < 0) return text;
  let end = text.length;
  while (text.charCodeAt(end - 1) === 0x30) end--;
  return text.slice(0, end - 1 === point ? point : end);
}

function unlessNull(cell: (value: unknown) => string): (value: unknown) => Cell {
  return (value) => (value === null || value === undefined ? null : cell(value));
}

function integerText(value: unknown, native: string): string {
  if (typeof value === 'string' || typeof value === 'bigint') return String(value);
  return Number.isSafeInteger(value) ? String(value) : unexpected(value, native);
}

function textOf(value: unknown, native: string): string {
  return typeof value === 'string' ? value : unexpected(value, native);
}

/** Never the value (R10). */
function unexpected(value: unknown, native: string): never {
  throw new ElstreamError('DB_UNEXPECTED_VALUE', 'stop', `the driver gave a ${typeof value} for a column of type ${native}, which its text cannot be made of; this is a fault of elstream`);
}

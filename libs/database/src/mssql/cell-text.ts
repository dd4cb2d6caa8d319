import { ElstreamError, type MappedColumn } from '@elstream/core';
import type { DigestTable } from '../digest-forms';
import { offsetText, printed } from './select-cell';
import { mssqlType, type MssqlType } from './type-name';

/** Its varchar is UTF-8, of characters beyond the BMP too, and it compares bytewise. SQL Server 2019. */
export const UTF8 = 'Latin1_General_100_BIN2_UTF8';

/** A column's own type: at the source the catalog's, in the warehouse the one the mapping says. */
export function typeOnSide({ source, native, targetType }: MappedColumn, side: DigestTable['side']): string {
  const type = side === 'target' ? targetType : native;
  if (type === undefined) throw new ElstreamError('PLAN_OUTDATED', 'stop', `column ${source} was planned without its type at the source; prepare the pipeline again`);
  return type;
}

/**
 * T-SQL that writes the canonical text of a cell, NULL of NULL: what `selectCell` gives, but made inside the server.
 * Throws ElstreamError (refuse) for a float: T-SQL has no shortest text of one.
 */
export function cellText(column: MappedColumn, side: DigestTable['side'], ref: string): string {
  const held = mssqlType(typeOnSide(column, side));
  switch (held.of) {
    case 'bit':
      return `CASE ${ref} WHEN 1 THEN 't' WHEN 0 THEN 'f' END`;
    case 'integer':
      return `CONVERT(varchar(20), ${ref})`;
    case 'decimal':
    case 'money':
    case 'date':
      return printed(held, ref);
    case 'float':
      throw new ElstreamError('TYPE_UNSUPPORTED', 'refuse', `column ${column.source} is a float of SQL Server and a text in the other database, which checksums cannot compare; remove columns.type.${column.source}`);
    case 'binary':
      return `'\\x' + LOWER(CONVERT(varchar(max), CONVERT(varbinary(max), ${ref}), 2))`;
    case 'rowversion':
      return `'\\x' + LOWER(CONVERT(varchar(16), CONVERT(binary(8), ${ref}), 2))`;
    case 'uuid':
      return `LOWER(CONVERT(varchar(36), ${ref}))`;
    case 'text':
    case 'xml':
      return `CONVERT(nvarchar(max), ${ref})`;
    case 'time':
      return timeText(printed(held, ref), 'hh:mm:ss'.length, held.scale > 0);
    case 'datetime':
      return timeText(printed(held, ref), SECONDS, true);
    case 'smalldatetime':
      return printed(held, ref);
    case 'datetime2':
      return timeText(printed(held, ref), SECONDS, held.scale > 0);
    case 'datetimeoffset': {
      const instant = timeText(printed(held, ref), SECONDS, held.scale > 0);
      return column.type.kind === 'timestamp' ? `${instant} + '+00'` : `${instant} + '+00 ' + ${offsetText(ref)}`;
    }
  }
  held satisfies never;
  return ref;
}

const SECONDS = 'yyyy-mm-dd hh:mm:ss'.length;

/** A decimal without zeros at the end of its fraction: equal for equal values, whatever their scale. */
export function decimalText(column: MappedColumn, side: DigestTable['side'], ref: string): string {
  const held = mssqlType(typeOnSide(column, side));
  const text = cellText(column, side, ref);
  return scaleOf(held) === 0 ? text : withoutZeros(text);
}

function scaleOf(held: MssqlType): number {
  return held.of === 'decimal' ? held.scale : held.of === 'money' ? 4 : 0;
}

/** The fraction is cut off first: a blank between date and time would not survive `withoutZeros`. */
function timeText(text: string, seconds: number, hasFraction: boolean): string {
  if (!hasFraction) return text;
  return `LEFT(${text}, ${String(seconds)}) + ${withoutZeros(`SUBSTRING(${text}, ${String(seconds + 1)}, 8)`)}`;
}

/**
 * Of a text with a point and without blanks: zeros at its end go, and a point that is then last. TRIM with characters would
 * be shorter and needs a newer compatibility level.
 */
function withoutZeros(text: string): string {
  return `REPLACE(RTRIM(REPLACE(REPLACE(RTRIM(REPLACE(${text}, '0', ' ')), ' ', '0'), '.', ' ')), ' ', '.')`;
}

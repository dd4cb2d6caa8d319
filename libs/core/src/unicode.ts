import type { EventRow, Row } from './column-type';
import { ElstreamError } from './errors';
import type { TableMapping } from './table';

/** With the `u` flag a pair is one character: only a half by itself is found. */
const HALF = /\p{Surrogate}/u;

/** False for a text with half of a surrogate pair, as nvarchar of SQL Server may hold: it is no Unicode, and has no UTF-8. */
export function isWellFormed(text: string): boolean {
  return !HALF.test(text);
}

/** True for a text that both products hold, in their JSON too: PostgreSQL takes neither U+0000 nor half of a surrogate pair. */
export function isHeldByAll(text: string): boolean {
  return !text.includes('\0') && isWellFormed(text);
}

/** R7: why a row cannot be carried, if a text of it is no Unicode; names the column, never the value. Null: it can. */
export function notUnicode(mapping: TableMapping, row: Row | EventRow): ElstreamError | null {
  const index = row.findIndex((cell) => typeof cell === 'string' && !isWellFormed(cell));
  if (index < 0) return null;
  const column = mapping.columns[index]?.source ?? String(index);
  return new ElstreamError('VALUE_NOT_UNICODE', 'park', `column ${column} holds half of a surrogate pair, which is no Unicode character; correct the value at the source and replay the row, or leave the column out by columns.exclude`, { place: { table: mapping.id } });
}

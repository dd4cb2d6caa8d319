import type { EventRow, Row } from './column-type';
import { ElstreamError } from './errors';
import type { TableMapping } from './table';
import { isWellFormed } from './text';

/** R7: why a row cannot be carried, if a text of it is no Unicode; names the column, never the value. Null: it can. */
export function notUnicode(mapping: TableMapping, row: Row | EventRow): ElstreamError | null {
  const index = row.findIndex((cell) => typeof cell === 'string' && !isWellFormed(cell));
  if (index < 0) return null;
  const column = mapping.columns[index]?.source ?? String(index);
  return new ElstreamError('VALUE_NOT_UNICODE', 'park', `column ${column} holds half of a surrogate pair, which is no Unicode character; correct the value at the source and replay the row, or leave the column out by columns.exclude`, { place: { table: mapping.id } });
}

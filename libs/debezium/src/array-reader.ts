import { type ColumnType, type EventCell } from '@elstream/core';
import { type CellColumn, type CellReader } from './cell-reader';
import { FieldError } from './field-error';
import { Token, type JsonScanner } from './json/json-scanner';
import { wireOfHandling, type Wire } from './wire';

const TEXT: ColumnType = { kind: 'text', maxLength: null, padded: false };

/** Element types of PostgreSQL arrays as the catalog spells them, `[]` cut off; others are carried as they are written. */
const ELEMENTS: readonly (readonly [RegExp, ColumnType])[] = [
  [/^(?:smallint|int2)$/, { kind: 'integer', bits: 16 }],
  [/^(?:integer|int4|int)$/, { kind: 'integer', bits: 32 }],
  [/^(?:bigint|int8)$/, { kind: 'integer', bits: 64 }],
  [/^(?:numeric|decimal)/, { kind: 'decimal', precision: null, scale: null }],
  [/^(?:real|float4)$/, { kind: 'float', bits: 32 }],
  [/^(?:double precision|float8)$/, { kind: 'float', bits: 64 }],
  [/^(?:boolean|bool)$/, { kind: 'boolean' }],
  [/^(?:text|character|varchar|bpchar|char\b)/, TEXT],
  [/^jsonb?$/, { kind: 'json' }],
  [/^uuid$/, { kind: 'uuid' }],
  [/^bytea$/, { kind: 'binary' }],
  [/^date$/, { kind: 'date' }],
  [/^timestamp.* with time zone$|^timestamptz/, { kind: 'timestamp', zone: true }],
  [/^timestamp/, { kind: 'timestamp', zone: false }],
  [/^time.* with time zone$|^timetz/, { kind: 'time', zone: true }],
  [/^time/, { kind: 'time', zone: false }],
];

/** What array_out leaves without quotes: not empty, not the word NULL, no blank, brace, comma, quote or backslash. */
const BARE = /^(?!null$)[^\s{},"\\]+$/i;

/** A JSON array → PostgreSQL's text of a one-dimensional array. More dimensions are refused: Debezium does not send them. */
export function arrayReader(column: CellColumn, readerOf: (column: CellColumn) => CellReader): CellReader {
  const native = column.native.replace(/\[\]$/, '');
  const type = elementType(native);
  const wire: Wire = column.wire.as === 'array' && column.wire.items.as !== 'plain' ? column.wire.items : itemWire(column, type, native);
  const read = readerOf({ ...column, native, type, wire });
  return (scanner) => {
    if (scanner.kind === Token.String && column.placeholder.isText(scanner.text())) return undefined;
    if (scanner.kind !== Token.Array) throw new FieldError('DEBEZIUM_TYPE', 'is no array in the event; plan the table anew (prepare)');
    return elements(scanner, read, column);
  };
}

function itemWire(column: CellColumn, type: ColumnType, native: string): Wire {
  return column.wire.as === 'plain' || column.wire.as === 'array' ? wireOfHandling(type, { native, handling: column.handling }) : column.wire;
}

function elementType(native: string): ColumnType {
  const type = ELEMENTS.find(([pattern]) => pattern.test(native))?.[1] ?? { kind: 'other' };
  const scale = type.kind === 'decimal' ? /,\s*(-?\d+)\s*\)/.exec(native)?.[1] : undefined;
  return scale === undefined ? type : { kind: 'decimal', precision: null, scale: Number(scale) };
}

function elements(scanner: JsonScanner, read: CellReader, { placeholder, connector, native }: CellColumn): EventCell {
  scanner.enter();
  const cells: EventCell[] = [];
  for (let first = true; scanner.more(first); first = false) {
    const token = scanner.value();
    if (token === Token.Array) throw new FieldError('DEBEZIUM_TYPE', 'is an array of arrays, which cannot be read; leave the column out');
    cells.push(token === Token.Null ? null : read(scanner));
  }
  if (cells.length === 1 && (cells[0] === undefined || cells[0] === placeholder.uuid)) return undefined;
  const { byteTexts } = placeholder;
  if (cells.length === byteTexts.length && cells.every((cell, i) => cell === byteTexts[i])) return undefined;
  // The elements of an array of several dimensions, which Debezium does not know of, arrive as NULL.
  if (cells.length > 0 && connector === 'postgresql' && cells.every((cell) => cell === null)) throw new FieldError('DEBEZIUM_VALUE', 'is an array of NULLs, as which Debezium writes arrays of several dimensions too; it is read again when the dead letter is replayed');
  const isBox = native.startsWith('box');
  // An element that looks like the placeholder beside others is a value like any other.
  return `{${cells.map((cell) => quoted(cell === undefined ? placeholder.value : cell, isBox)).join(isBox ? ';' : ',')}}`;
}

/** Elements of a box[] have their own delimiter, so that a comma need not be quoted. */
function quoted(cell: string | null, isBox: boolean): string {
  if (cell === null) return 'NULL';
  if (isBox) return cell;
  return BARE.test(cell) ? cell : `"${cell.replace(/["\\]/g, '\\$&')}"`;
}

/**
 * What a column holds, said without naming a product. It decides the canonical text of its values, how keys are
 * compared and which column type another product gets. `native` (in ColumnSchema) keeps the source's own spelling.
 */
export type ColumnType =
  | { readonly kind: 'boolean' }
  | { readonly kind: 'integer'; readonly bits: 16 | 32 | 64 }
  | { readonly kind: 'decimal'; readonly precision: number | null; readonly scale: number | null }
  | { readonly kind: 'float'; readonly bits: 32 | 64 }
  | { readonly kind: 'text'; readonly maxLength: number | null; readonly padded: boolean }
  | { readonly kind: 'binary' }
  | { readonly kind: 'uuid' }
  | { readonly kind: 'date' }
  | { readonly kind: 'time'; readonly zone: boolean }
  | { readonly kind: 'timestamp'; readonly zone: boolean }
  | { readonly kind: 'json' }
  /** Any other type, carried in its lossless text form (`inet`, `interval`, `int4[]`, an enum …). */
  | { readonly kind: 'other' };

/**
 * One value in its canonical text form, or NULL. Text end to end: no value passes through a JS `number` or `Date`
 * (R1). The canonical text of PostgreSQL values is the server's own output under the fixed session settings of
 * `@elstream/database` (ISO dates, UTC, hex bytea, shortest exact floats).
 */
export type Cell = string | null;

/** A cell of a change event: `undefined` means *unknown*, the event does not carry the column (R6). Never NULL. */
export type EventCell = Cell | undefined;

export type Row = readonly Cell[];
export type EventRow = readonly EventCell[];

/**
 * The identity of one key cell: equal texts for values the source holds equal (numeric `1.0` and `1.00`, `-0` and `0`,
 * blank-padded `char(n)`). Types whose equality we do not know keep their text; two spellings of one such key then
 * are two keys of a fold, which stays right because deletes precede upserts (R6).
 */
export function keyCellIdentity(cell: string, column: ColumnType): string {
  switch (column.kind) {
    case 'decimal':
      return normalNumeric(cell);
    case 'float':
      return cell === '-0' ? '0' : cell;
    case 'text':
      return column.padded ? cell.replace(/ +$/, '') : cell;
    case 'boolean':
    case 'integer':
    case 'binary':
    case 'uuid':
    case 'date':
    case 'time':
    case 'timestamp':
    case 'json':
    case 'other':
      return cell;
  }
  column satisfies never;
  return cell;
}

function normalNumeric(text: string): string {
  // the zeros at the end of an exponent are digits: such a text is left as it is
  if (/e/i.test(text)) return text;
  if (!text.includes('.')) return text === '-0' ? '0' : text;
  const cut = text.replace(/\.?0+$/, '');
  return cut === '-0' || cut === '' || cut === '-' ? '0' : cut;
}

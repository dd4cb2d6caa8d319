import { isHeldAsItsKind, type Cell, type MappedColumn } from '@elstream/core';

/** In which form two values of a column are compared; decided by the mapping alone, as the digest decides it (docs/canonical-text.md). */
type Form = 'float' | 'decimal' | 'binary' | 'printed';

/**
 * True if both cells are the same value in the sense of the canonical text, so that rows that travelled are judged as the
 * checksums judge them: decimals by value (`1.0` is `1.00`), floats bit by bit (`-0` is not `0`, NaN is NaN), everything
 * else as it is printed (blanks at the end count, also of `char(n)`). NULL is equal to NULL only.
 */
export function equalCells(column: MappedColumn, a: Cell | undefined, b: Cell | undefined): boolean {
  if (a === b) return true;
  if (a === null || b === null || a === undefined || b === undefined) return false;
  switch (formOf(column)) {
    case 'float':
      return sameFloat(a, b, column.type.kind === 'float' ? column.type.bits : 64);
    case 'decimal':
      return canonicalDecimal(a) === canonicalDecimal(b);
    case 'binary':
      return hexOf(a) === hexOf(b);
    case 'printed':
      return false;
  }
}

function formOf(column: MappedColumn): Form {
  // A hash is a text on both sides.
  if (column.mask !== null || !isHeldAsItsKind(column)) return 'printed';
  const { kind } = column.type;
  return kind === 'float' || kind === 'decimal' || kind === 'binary' ? kind : 'printed';
}

/** A JS number holds every float8, and every float4 exactly; two texts of one value are two spellings. */
function sameFloat(a: string, b: string, bits: 32 | 64): boolean {
  const [x, y] = [Number(a), Number(b)];
  // What is no number to JS is not known to be the same one.
  if (Number.isNaN(x) || Number.isNaN(y)) return false;
  return bits === 32 ? Object.is(Math.fround(x), Math.fround(y)) : Object.is(x, y);
}

/** No zeros at the end of the fraction or at the beginning, no `-0`; what is no plain decimal (NaN, Infinity) stays. */
function canonicalDecimal(text: string): string {
  const parts = /^([+-]?)0*(\d*)(?:\.(\d*))?$/.exec(text);
  if (parts === null || !/\d/.test(text)) return text;
  const fraction = (parts[3] ?? '').replace(/0+$/, '');
  const whole = parts[2] === undefined || parts[2] === '' ? '0' : parts[2];
  const value = fraction === '' ? whole : `${whole}.${fraction}`;
  return parts[1] === '-' && value !== '0' ? `-${value}` : value;
}

function hexOf(text: string): string {
  return text.replace(/^\\x/, '').toLowerCase();
}

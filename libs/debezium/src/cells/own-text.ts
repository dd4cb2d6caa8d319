import { isUtf8 } from 'node:buffer';
import { FieldError } from '../field-error';
import { type BinaryEncoding, bytesFromText } from './binary';
import { decimalFromText } from './decimal';
import { floatText } from './float';

/** A type that Debezium does not know (`include.unknown.datatypes`): the bytes of PostgreSQL's own text, written as binary is. */
export function opaqueText(text: string, encoding: BinaryEncoding): string {
  const bytes = bytesFromText(text, encoding);
  if (!isUtf8(bytes)) throw new FieldError('DEBEZIUM_VALUE', 'is not the text of its type; check binary.handling.mode');
  return bytes.toString('utf8');
}

/** A row, a range or a multirange. */
const ROW_OR_RANGE = /^(?:\(.*\)|[[(].*,.*[\])]|\{.*\}|empty)$/s;

/**
 * Values of the source's own types: enums are texts, what Debezium does not know (rows, ranges) is as `opaqueText`. Their
 * native spelling does not tell which. Only what decodes to the text of a row or range is one: a label that does by
 * chance would have to be the base64 of parentheses.
 */
export function ownTypeText(text: string, encoding: BinaryEncoding): string {
  try {
    const decoded = opaqueText(text, encoding);
    return ROW_OR_RANGE.test(decoded) ? decoded : text;
  } catch (error) {
    if (!(error instanceof FieldError)) throw error;
    return text;
  }
}

const JAVA_NUMBER = /-?\d+\.\d+(?:E-?\d+)?/g;

/** Lines, boxes, circles …: PostgreSQL's text but for the numbers, which are spelled as Java does (`1.0`, `4.9E-324`). */
export function shapeText(text: string): string {
  return text.replace(JAVA_NUMBER, (number) => floatText(number, 64));
}

/** A decimal → PostgreSQL's text of money under `lc_monetary = C`. */
export function moneyText(decimal: string): string {
  const [, minus = '', whole = '', cents = ''] = /^(-?)(\d+)\.(\d\d)$/.exec(decimal) ?? [];
  if (whole === '') throw new FieldError('DEBEZIUM_VALUE', 'is no amount of money');
  return `${minus}$${whole.replace(/\B(?=(?:\d{3})+$)/g, ',')}.${cents}`;
}

/**
 * A decimal as its column declares it: Debezium takes a negative scale for 2048 more, and writes zeros after the point.
 * @param scale null: not declared, the text says it
 */
export function atScale(decimal: string, scale: number | null): string {
  if (scale === null || scale > 0) return decimal;
  const point = decimal.indexOf('.');
  if (point < 0) return decimal;
  if (/[^0]/.test(decimal.slice(point + 1))) throw new FieldError('DEBEZIUM_VALUE', 'has digits after the point that its column does not hold');
  return decimal.slice(0, point);
}

/** Decimal digits that a double always gives back (C's DBL_DIG). */
const EXACT_DIGITS = 15;

/** A decimal that travelled as a double: exact where the column declares at most 15 digits, else refused. */
export function decimalFromDouble(text: string, { precision, scale }: { readonly precision: number | null; readonly scale: number | null }): string {
  if (precision === null || scale === null || precision > EXACT_DIGITS || scale < 0 || scale > 100) {
    throw new FieldError('DEBEZIUM_TYPE', 'is a decimal written as a double, which loses digits; set decimal.handling.mode=string');
  }
  const value = Number(decimalFromText(text));
  const fixed = value.toFixed(scale);
  return Object.is(Number(fixed), -0) ? fixed.slice(1) : fixed;
}

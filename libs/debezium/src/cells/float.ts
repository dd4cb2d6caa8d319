import { floatText as textOfFloat } from '@elstream/core';
import { FieldError } from '../field-error';

/** The JSON converter puts what JSON has no number for in quotes. */
const SPECIAL = new Set(['NaN', 'Infinity', '-Infinity']);

/** A float's JSON text → its canonical text, so that a key looks the same whichever way it came. */
export function floatText(text: string, bits: 32 | 64): string {
  if (SPECIAL.has(text)) return text;
  const value = bits === 32 ? Math.fround(Number(text)) : Number(text);
  if (!Number.isFinite(value)) throw new FieldError('DEBEZIUM_VALUE', `is no number of ${String(bits)} bits`);
  if (value === 0 && /[1-9]/.test(text.replace(/[eE].*$/, ''))) throw new FieldError('DEBEZIUM_VALUE', `is too small for ${String(bits)} bits`);
  return textOfFloat(value, bits);
}

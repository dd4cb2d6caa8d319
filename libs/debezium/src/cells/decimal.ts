import { FieldError } from '../field-error';

/** Digits that a hostile scale or exponent may ask for; PostgreSQL's numeric has at most 16,383 after the point and 131,072 before it. */
const MOST_DIGITS = 150_000;
const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,9}))?$/;
const PLAIN = /^-?\d+(?:\.\d+)?$/;
/** `SpecialValueDecimal` in string mode; doubles as the JSON converter quotes them. */
const SPECIAL: Readonly<Record<string, string>> = { NAN: 'NaN', NaN: 'NaN', POSITIVE_INFINITY: 'Infinity', Infinity: 'Infinity', NEGATIVE_INFINITY: '-Infinity', '-Infinity': '-Infinity' };

/**
 * Connect's Decimal: the unscaled integer as big-endian two's complement (reference: `org.apache.kafka.connect.data.Decimal`).
 * → plain text with `scale` digits after the point.
 */
export function decimalFromBytes(bytes: Buffer, scale: number): string {
  if (bytes.length === 0) throw new FieldError('DEBEZIUM_VALUE', 'is a decimal without bytes');
  if (!Number.isInteger(scale) || Math.abs(scale) > MOST_DIGITS) throw new FieldError('DEBEZIUM_VALUE', 'is a decimal with an impossible scale');
  // 48 bits are exact in a number; anything wider is not, and goes through BigInt.
  return withPoint(bytes.length <= 6 ? bytes.readIntBE(0, bytes.length).toString() : wide(bytes).toString(), scale);
}

function wide(bytes: Buffer): bigint {
  const value = BigInt(`0x${bytes.toString('hex')}`);
  return (bytes[0] as number) < 0x80 ? value : value - (1n << BigInt(bytes.length * 8));
}

function withPoint(integer: string, scale: number): string {
  if (scale === 0) return integer;
  if (scale < 0) return integer === '0' ? '0' : integer + '0'.repeat(-scale);
  const minus = integer.startsWith('-') ? '-' : '';
  const digits = integer.slice(minus.length).padStart(scale + 1, '0');
  return `${minus}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** A decimal as text (`string` mode) or as JSON number (`double` mode, `decimal.format=NUMERIC`) → plain text; an exponent is written out. */
export function decimalFromText(text: string): string {
  if (PLAIN.test(text)) return text;
  const special = SPECIAL[text];
  if (special !== undefined) return special;
  const parts = NUMBER.exec(text);
  if (parts === null) throw new FieldError('DEBEZIUM_VALUE', 'is not a decimal number');
  const [, minus = '', whole = '', fraction = '', exponent = '0'] = parts;
  const places = fraction.length - Number(exponent);
  if (Math.abs(places) > MOST_DIGITS) throw new FieldError('DEBEZIUM_VALUE', 'is a decimal with an impossible exponent');
  const digits = (whole + fraction).replace(/^0+(?=\d)/, '');
  return withPoint(minus + digits, places);
}

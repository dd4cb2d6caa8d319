import { FieldError } from '../field-error';

export type BinaryEncoding = 'base64' | 'base64-url-safe' | 'hex';

const HEX = /^(?:[0-9a-fA-F]{2})*$/;
const OF_URL = /[-_]/;
const OF_BASE64 = /[+/]/;

/** Node's decoder passes over what is no base64: the length tells. */
export function bytesFromBase64(text: string, encoding: 'base64' | 'base64-url-safe' = 'base64'): Buffer {
  const bytes = Buffer.from(text, 'base64');
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const digits = text.length - padding;
  const foreign = encoding === 'base64' ? OF_URL : OF_BASE64;
  const padded = text.length % 4 === 0 || (encoding === 'base64-url-safe' && padding === 0);
  if (!padded || digits % 4 === 1 || bytes.length !== Math.floor((digits * 3) / 4) || foreign.test(text)) {
    throw new FieldError('DEBEZIUM_VALUE', `is not ${encoding}; check binary.handling.mode and decimal.handling.mode`);
  }
  return bytes;
}

export function bytesFromText(text: string, encoding: BinaryEncoding): Buffer {
  if (encoding !== 'hex') return bytesFromBase64(text, encoding);
  if (!HEX.test(text)) throw new FieldError('DEBEZIUM_VALUE', 'is not hex; check binary.handling.mode');
  return Buffer.from(text, 'hex');
}

/** → `\x` and lower-case hex. */
export function binaryText(text: string, encoding: BinaryEncoding): string {
  return `\\x${bytesFromText(text, encoding).toString('hex')}`;
}

/** PostgreSQL's bit strings travel as bytes, the lowest bit first; `length` digits, the highest first. */
export function bitsText(bytes: Buffer, length: number): string {
  let text = '';
  for (let i = length - 1; i >= 0; i--) text += String(((bytes[i >> 3] ?? 0) >> (i & 7)) & 1);
  return text;
}

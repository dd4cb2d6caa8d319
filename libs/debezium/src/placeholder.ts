import { createHash } from 'node:crypto';
import { type BinaryEncoding } from './cells/binary';

/** The unavailable-value placeholder in each of its forms: "this column was not sent", never a value (R6). */
export class Placeholder {
  private readonly base64: string;
  private readonly url: string;
  private readonly hex: string;
  /** Elements of an array of integers: the bytes, one by one. */
  readonly byteTexts: readonly string[];
  /** The element of an array of uuids: version 3, as Java's `nameUUIDFromBytes` makes it. */
  readonly uuid: string;

  constructor(readonly value: string) {
    const bytes = Buffer.from(value, 'utf8');
    this.base64 = bytes.toString('base64');
    this.url = this.base64.replaceAll('+', '-').replaceAll('/', '_');
    this.hex = bytes.toString('hex');
    this.byteTexts = [...bytes].map(String);
    const digest = createHash('md5').update(bytes).digest();
    digest[6] = ((digest[6] ?? 0) & 0x0f) | 0x30;
    digest[8] = ((digest[8] ?? 0) & 0x3f) | 0x80;
    this.uuid = digest.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  }

  isText(text: string): boolean {
    return text.length === this.value.length && text === this.value;
  }

  isBase64(text: string): boolean {
    return text.length === this.base64.length && text === this.base64;
  }

  isEncoded(text: string, encoding: BinaryEncoding): boolean {
    switch (encoding) {
      case 'base64':
        return this.isBase64(text);
      case 'base64-url-safe':
        return text === this.url || text === this.url.replace(/=+$/, '');
      case 'hex':
        return text.length === this.hex.length && text.toLowerCase() === this.hex;
    }
    return encoding satisfies never;
  }

  /** The text, or unknown. */
  hide(text: string): string | undefined {
    return this.isText(text) ? undefined : text;
  }
}

import { isUtf8 } from 'node:buffer';
import { FieldError, MalformedError } from '../field-error';

/** What `JsonScanner.value()` found. */
export const enum Token {
  String,
  Number,
  True,
  False,
  Null,
  /** The scanner stands on the bracket: go in with `enter()`, or `skip()`. */
  Object,
  Array,
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const MINUS = 0x2d;
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * A forward scanner over the bytes of one JSON text: it makes no object and no number, and no string that nobody asks
 * for. Structure is searched in the bytes; texts are cut out of one Latin-1 copy of them, whose indices are the bytes'
 * own (a cut costs a fraction of a decoding call). Texts with bytes above 0x7f are decoded as UTF-8 on their own.
 * A cut text keeps that copy alive: a decoded row holds about as much memory as its record's value.
 *
 * RFC 8259, read strictly in what is looked at; what is skipped is only searched for its end.
 */
export class JsonScanner {
  /** Of the last `value()`. */
  kind: Token = Token.Null;
  /** Next byte to look at. */
  pos = 0;
  /** Extent of the last token: a string without its quotes. */
  private start = 0;
  private stop = 0;
  private escaped = false;
  private high = false;
  /** Of the last number: digits alone, with an optional minus. */
  whole = false;
  private bytes: Buffer = Buffer.alloc(0);
  private end = 0;
  private copy: string | null = null;
  private base = 0;
  private utf8: boolean | null = null;

  reset(bytes: Buffer): void {
    this.bytes = bytes;
    this.end = bytes.length;
    this.pos = 0;
    this.copy = null;
    this.utf8 = null;
  }

  /** Texts are wanted from `pos` on: what lies before is not copied. */
  textFromHere(): void {
    this.base = this.pos;
    this.copy = this.bytes.toString('latin1', this.pos, this.end);
  }

  /** Lets go of the record, so that an idle decoder holds none. */
  release(): void {
    this.bytes = EMPTY;
    this.copy = null;
    this.end = 0;
  }

  /** Reads one token. Strings, numbers and literals are passed; objects and arrays are not yet. */
  value(): Token {
    const c = this.peek();
    if (c === QUOTE) return this.readString();
    if (c === OPEN_OBJECT) return (this.kind = Token.Object);
    if (c === OPEN_ARRAY) return (this.kind = Token.Array);
    if (c === MINUS || (c >= 0x30 && c <= 0x39)) return this.readNumber();
    return this.readLiteral(c);
  }

  /** Text of the last string (unescaped) or number (as written). @throws FieldError if it has no UTF-8 form (R1) */
  text(): string {
    const { start, stop } = this;
    if (this.kind !== Token.String) return this.cut(start, stop);
    let text: string;
    if (this.high) {
      this.utf8 ??= isUtf8(this.bytes);
      if (!this.utf8) throw new FieldError('DEBEZIUM_VALUE', 'is not UTF-8');
      text = this.bytes.toString('utf8', start, stop);
    } else text = this.cut(start, stop);
    return this.escaped ? this.unescape(text) : text;
  }

  /** Passes the opening bracket of the object or array just found. */
  enter(): void {
    this.pos++;
  }

  /** Before a member: passes the comma and returns true; at the end passes the closing bracket and returns false. */
  more(first: boolean): boolean {
    const c = this.peek();
    if (c === CLOSE_OBJECT || c === CLOSE_ARRAY) {
      this.pos++;
      return false;
    }
    if (first) return true;
    if (c !== COMMA) this.fail('a comma is missing');
    this.pos++;
    this.peek();
    return true;
  }

  /** Passes `expected` if exactly these bytes come next. */
  take(expected: Uint8Array): boolean {
    const { bytes, pos } = this;
    const length = expected.length;
    if (pos + length > this.end) return false;
    for (let i = 0; i < length; i++) if (bytes[pos + i] !== expected[i]) return false;
    this.pos = pos + length;
    return true;
  }

  /** `take` for long ones: compares in native code. */
  takeBlock(expected: Uint8Array): boolean {
    const to = this.pos + expected.length;
    if (to > this.end || this.bytes.compare(expected, 0, expected.length, this.pos, to) !== 0) return false;
    this.pos = to;
    return true;
  }

  colon(): void {
    if (this.peek() !== COLON) this.fail('a colon is missing');
    this.pos++;
  }

  /** A copy of the bytes from `from` to here. */
  copyFrom(from: number): Uint8Array {
    return Uint8Array.prototype.slice.call(this.bytes, from, this.pos);
  }

  /** Passes one value, looking for its end only. */
  skip(): void {
    const c = this.peek();
    if (c !== OPEN_OBJECT && c !== OPEN_ARRAY) {
      this.value();
      return;
    }
    const { bytes, end } = this;
    let depth = 0;
    for (let i = this.pos; i < end; i++) {
      const b = bytes[i] as number;
      if (b === QUOTE) {
        for (i++; i < end && bytes[i] !== QUOTE; i++) if (bytes[i] === BACKSLASH) i++;
      } else if (b === OPEN_OBJECT || b === OPEN_ARRAY) depth++;
      else if ((b === CLOSE_OBJECT || b === CLOSE_ARRAY) && --depth === 0) {
        this.pos = i + 1;
        return;
      }
    }
    this.pos = end;
    this.fail('the text ends too early');
  }

  /** Only blanks may follow. */
  finish(): void {
    if (this.peekOrEnd() !== -1) this.fail('something follows the value');
  }

  fail(what: string): never {
    throw new MalformedError(what, this.pos);
  }

  /** Next byte that is no blank; stays on it. */
  private peek(): number {
    const c = this.peekOrEnd();
    return c === -1 ? this.fail('the text ends too early') : c;
  }

  private peekOrEnd(): number {
    const { bytes, end } = this;
    let i = this.pos;
    while (i < end) {
      const c = bytes[i] as number;
      if (c > 0x20 || (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09)) {
        this.pos = i;
        return c;
      }
      i++;
    }
    this.pos = i;
    return -1;
  }

  private cut(from: number, to: number): string {
    if (this.copy === null) return this.bytes.toString('latin1', from, to);
    return this.copy.slice(from - this.base, to - this.base);
  }

  private readString(): Token {
    const { bytes, end } = this;
    let i = this.pos + 1;
    let escaped = false;
    let seen = 0;
    this.start = i;
    for (; i < end; i++) {
      const c = bytes[i] as number;
      if (c === QUOTE) {
        this.stop = i;
        this.pos = i + 1;
        this.escaped = escaped;
        this.high = seen > 0x7f;
        return (this.kind = Token.String);
      }
      if (c === BACKSLASH) {
        escaped = true;
        i++;
      } else if (c < 0x20) {
        this.pos = i;
        this.fail('a control character stands in a string');
      }
      seen |= c;
    }
    this.pos = end;
    return this.fail('a string does not end');
  }

  private readNumber(): Token {
    const { bytes, end } = this;
    let i = this.pos;
    this.start = i;
    if (bytes[i] === MINUS) i++;
    const first = i;
    i = this.digits(i);
    if (bytes[first] === 0x30 && i > first + 1) this.fail('a number begins with 0');
    this.whole = true;
    if (i < end && bytes[i] === 0x2e) {
      this.whole = false;
      i = this.digits(i + 1);
    }
    if (i < end && (bytes[i] === 0x65 || bytes[i] === 0x45)) {
      this.whole = false;
      i++;
      if (bytes[i] === MINUS || bytes[i] === 0x2b) i++;
      i = this.digits(i);
    }
    this.stop = i;
    this.pos = i;
    return (this.kind = Token.Number);
  }

  /** At least one digit from `from`; returns the index after the last. */
  private digits(from: number): number {
    const { bytes, end } = this;
    let i = from;
    while (i < end && (bytes[i] as number) >= 0x30 && (bytes[i] as number) <= 0x39) i++;
    if (i === from) this.fail('a number is incomplete');
    return i;
  }

  private readLiteral(c: number): Token {
    if (c === 0x6e && this.take(NULL)) return (this.kind = Token.Null);
    if (c === 0x74 && this.take(TRUE)) return (this.kind = Token.True);
    if (c === 0x66 && this.take(FALSE)) return (this.kind = Token.False);
    return this.fail('there is no JSON value');
  }

  /** The engine's own parser knows the escapes; it sees one string only. */
  private unescape(raw: string): string {
    let text: string;
    try {
      text = JSON.parse(`"${raw}"`) as string;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      return this.fail('a string holds an escape that JSON does not have');
    }
    // Half a character has no UTF-8 form: on its way to the warehouse it would become U+FFFD.
    if (raw.includes('\\u') && LONE_SURROGATE.test(text)) throw new FieldError('DEBEZIUM_VALUE', 'holds half of a surrogate pair; correct the value at the source, then replay this');
    return text;
  }
}

const EMPTY = Buffer.alloc(0);
const NULL = Buffer.from('null');
const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');

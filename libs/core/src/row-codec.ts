import type { Cell, Row } from './column-type';

/**
 * The row codec: how rows travel in bulk between a source and a warehouse. One line per row, cells separated by tabs,
 * `\N` for NULL, backslash escapes for the characters that would break a line. This is the documented text format of
 * PostgreSQL's COPY, so on PostgreSQL both ends hand the bytes through without touching a value; other adapters
 * encode and decode with these functions. UTF-8; a chunk may end anywhere, also inside a character.
 *
 * Half of a surrogate pair, which nvarchar of SQL Server may hold, has no UTF-8. It travels as the escaped bytes it would
 * have (`\xed\xa0\x80` to `\xed\xbf\xbf`): PostgreSQL refuses them, `decodeRow` gives it back. So it comes as far as to
 * the warehouse, which parks its row (R7), and never as another character.
 */
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r', '\b': '\\b', '\f': '\\f', '\v': '\\v' };
const UNESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', b: '\b', f: '\f', v: '\v' };
 
// with the `u` flag a pair is one character, and not found
const NEEDS_ESCAPE = /[\\\t\n\r\b\f\v\p{Surrogate}]/gu;

/** One row as a line, newline included. */
export function encodeRow(row: Row): string {
  return `${row.map((cell) => (cell === null ? '\\N' : cell.replace(NEEDS_ESCAPE, (c) => ESCAPES[c] ?? halfAsBytes(c)))).join('\t')}\n`;
}

/** One line without its newline → cells. */
export function decodeRow(line: string): Cell[] {
  return line.split('\t').map((cell) => (cell === '\\N' ? null : cell.includes('\\') ? cell.replace(/\\(xed\\x[ab][0-9a-f]\\x[89ab][0-9a-f]|[^0-7x]|[0-7]{1,3}|x[0-9a-fA-F]{1,2})/g, unescape) : cell));
}

function halfAsBytes(half: string): string {
  const unit = half.charCodeAt(0);
  return `\\xed\\x${(0x80 | ((unit >> 6) & 0x3f)).toString(16)}\\x${(0x80 | (unit & 0x3f)).toString(16)}`;
}

function unescape(_match: string, code: string): string {
  if (code.startsWith('xed\\')) return String.fromCharCode(0xd000 | ((Number.parseInt(code.slice(5, 7), 16) & 0x3f) << 6) | (Number.parseInt(code.slice(9), 16) & 0x3f));
  if (/^[0-7]/.test(code)) return String.fromCharCode(Number.parseInt(code, 8));
  if (code.length > 1) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
  return UNESCAPES[code] ?? code;
}

/** Chunks of codec bytes → rows. Holds at most one incomplete line. A rest without newline at the end is a row. */
export async function* decodeRows(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Cell[]> {
  let rest: Buffer[] = [];
  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const end = bytes.lastIndexOf(10);
    // Text is made once per chunk, not per line; a newline byte is never part of another character.
    if (end >= 0) {
      const text = rest.length === 0 ? bytes.toString('utf8', 0, end) : Buffer.concat([...rest, bytes.subarray(0, end)]).toString('utf8');
      rest = [];
      for (const line of text.split('\n')) yield decodeRow(line);
    }
    // copied: the producer may reuse its buffer
    if (end + 1 < bytes.length) rest.push(Buffer.from(bytes.subarray(end + 1)));
  }
  if (rest.length > 0) yield decodeRow(Buffer.concat(rest).toString('utf8'));
}

/** Rows → codec bytes in pieces of about `pieceBytes`. */
export async function* encodeRows(rows: AsyncIterable<Row> | Iterable<Row>, pieceBytes = 64 * 1024): AsyncGenerator<Buffer> {
  let lines: string[] = [];
  let size = 0;
  for await (const row of rows) {
    const line = encodeRow(row);
    lines.push(line);
    size += line.length;
    if (size >= pieceBytes) {
      yield Buffer.from(lines.join(''), 'utf8');
      lines = [];
      size = 0;
    }
  }
  if (lines.length > 0) yield Buffer.from(lines.join(''), 'utf8');
}

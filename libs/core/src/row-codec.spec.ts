import fc from 'fast-check';
import { type Cell, type Row } from './column-type';
import { decodeRow, decodeRows, encodeRow, encodeRows } from './row-codec';

const awkward = ['\\N', '\\', '\\\\N', '\t', '\n', '\r', '\r\n', '\b\f\v', '\\.', 'a\tb\\tc', '\\x41', '\\101', '😀', 'e\u0301', '\u{10FFFF}', '\u0001\u007f', '\u2028', '', '\ud83d', 'a\ude00b', '\ude00\ud83d', '\ud800\udbff\udfff', '\\xed\\xa0\\x80'];
const cell: fc.Arbitrary<Cell> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({ unit: fc.constantFrom('\\', 'N', 't', 'n', '\t', '\n', '\r', '\b', '\f', '\v', 'x', '0', '7', '😀'), maxLength: 8 }),
  fc.constantFrom(...awkward),
  fc.constant(null),
);
const rows = fc.integer({ min: 1, max: 4 }).chain((width) => fc.array(fc.array(cell, { minLength: width, maxLength: width }), { maxLength: 6 }));

async function* pieces(bytes: Buffer, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  let from = 0;
  for (const cut of [...new Set(cuts.map((c) => c % (bytes.length + 1)))].sort((a, b) => a - b)) {
    yield await Promise.resolve(reused(bytes.subarray(from, cut)));
    from = cut;
  }
  yield reused(bytes.subarray(from));
}

const shared = Buffer.alloc(64 * 1024);

/** The same buffer for every piece, as a socket reader does: a decoder that keeps a view reads rubbish. */
function reused(piece: Buffer): Uint8Array {
  shared.fill('~');
  piece.copy(shared);
  return shared.subarray(0, piece.length);
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe('the row codec', () => {
  it('gives back every row it encoded, one line each', () => {
    fc.assert(
      fc.property(fc.array(cell, { minLength: 1, maxLength: 5 }), (row) => {
        const line = encodeRow(row);
        expect(line.indexOf('\n')).toBe(line.length - 1);
        expect(decodeRow(line.slice(0, -1))).toEqual(row);
      }),
      { numRuns: 500 },
    );
  });

  it('gives back every row however the bytes are cut, also inside a character, from a reused buffer', async () => {
    await fc.assert(
      fc.asyncProperty(rows, fc.array(fc.nat(400), { maxLength: 12 }), async (table, cuts) => {
        const bytes = Buffer.from(table.map(encodeRow).join(''), 'utf8');
        expect(await collect(decodeRows(pieces(bytes, cuts)))).toEqual(table);
      }),
      { numRuns: 300 },
    );
  });

  it('cuts a four-byte character at each of its bytes and loses nothing', async () => {
    const bytes = Buffer.from(encodeRow(['a😀b', null]), 'utf8');
    for (let cut = 0; cut <= bytes.length; cut++) {
      expect(await collect(decodeRows(pieces(bytes, [cut])))).toEqual([['a😀b', null]]);
    }
  });

  it('encodes rows in pieces that join to the same lines, whatever the piece size', async () => {
    await fc.assert(
      fc.asyncProperty(rows, fc.integer({ min: 1, max: 60 }), async (table, pieceBytes) => {
        const encoded = await collect(encodeRows(table, pieceBytes));
        expect(Buffer.concat(encoded).toString('utf8')).toBe(table.map(encodeRow).join(''));
        expect(encoded.every((piece) => piece.length > 0)).toBe(true);
      }),
    );
  });

  it.each<[string, Row, string]>([
    ['NULL', [null], '\\N\n'],
    ['the text \\N', ['\\N'], '\\\\N\n'],
    ['the empty text', [''], '\n'],
    ['NULL beside the empty text', [null, '', null], '\\N\t\t\\N\n'],
    ['characters that would break a line', ['\t\n\r\b\f\v\\'], '\\t\\n\\r\\b\\f\\v\\\\\n'],
    ['bytea in hex', ['\\x00ff'], '\\\\x00ff\n'],
    ['halves of a surrogate pair', ['a\ud83d', '\ude00b', '\ud800', '\udfff'], 'a\\xed\\xa0\\xbd\t\\xed\\xb8\\x80b\t\\xed\\xa0\\x80\t\\xed\\xbf\\xbf\n'],
    ['a pair', ['\ud83d\ude00'], '😀\n'],
  ])('writes %s as PostgreSQL COPY does', (_what, row, line) => {
    expect(encodeRow(row)).toBe(line);
    expect(decodeRow(line.slice(0, -1))).toEqual(row);
  });

  it('reads the other escapes COPY allows', () => {
    expect(decodeRow('\\101\\x42\\q\\0')).toEqual(['ABq\0']);
  });

  it('reads a last line without newline as a row, and nothing from nothing', async () => {
    expect(await collect(decodeRows(pieces(Buffer.from('a\tb\nc\t\\N'), [])))).toEqual([['a', 'b'], ['c', null]]);
    expect(await collect(decodeRows(pieces(Buffer.alloc(0), [])))).toEqual([]);
  });
});

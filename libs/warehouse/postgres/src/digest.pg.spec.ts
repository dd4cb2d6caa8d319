import { createHash } from 'node:crypto';
import type { Cell, TableMapping } from '@elstream/core';
import { event, mappingOf, WarehouseFixture } from './warehouse.fixture';

const items = mappingOf(
  'items',
  [
    ['name', 'text', { kind: 'text', maxLength: null, padded: false }],
    ['at', 'timestamptz', { kind: 'timestamp', zone: true }],
    ['id', 'int8', { kind: 'integer', bits: 64 }],
    ['amount', 'numeric', { kind: 'decimal', precision: null, scale: null }],
    ['ok', 'bool', { kind: 'boolean' }],
    ['bytes', 'bytea', { kind: 'binary' }],
    ['rate', 'float8', { kind: 'float', bits: 64 }],
  ],
  2,
);
const TABLE: TableMapping = { ...items, key: [2, 0] };
const BUCKETS = 16;
const EVERYTHING = { from: null, to: null };
const running = (): AbortSignal => new AbortController().signal;
const md5 = (text: string): string => createHash('md5').update(text, 'utf8').digest('hex');

/** docs/canonical-text.md, said once more: plain texts end with a separator, the free one has its length before it. */
const plain = (text: Cell): string => `${text ?? ''}\u001f`;
const free = (text: Cell): string => (text === null ? ':' : `${Buffer.byteLength(text)}:${text}`);
const line = ([name = null, ...others]: readonly Cell[]): string => free(name) + others.map(plain).join('');
const bucketOf = ([id = null, name = null]: readonly Cell[]): number => Number.parseInt(md5(plain(id) + free(name)).slice(0, 8), 16) % BUCKETS;

/** Rows as they travel, and the canonical text of those cells whose text is another. */
const ROWS: readonly (readonly [row: readonly Cell[], canonical: readonly Cell[]])[] = Array.from({ length: 40 }, (_, i) => {
  const name = `n${i}😀`;
  const at = i % 3 === 0 ? null : `2024-01-01 00:00:0${i % 10}.5+00`;
  const id = String(i - 20);
  return i % 2 === 0
    ? [[name, at, id, '1.50', 't', '\\x00ff', '-0'], [name, at, id, '1.5', 't', '\\x00ff', '8000000000000000']]
    : [[name, at, id, null, 'f', '\\x', 'NaN'], [name, at, id, null, 'f', '\\x', '7ff8000000000000']];
});

describe('digests in the warehouse', () => {
  let fx: WarehouseFixture;
  beforeEach(async () => {
    fx = await WarehouseFixture.create();
    await fx.beginPreload(TABLE);
    await fx.apply(TABLE, ROWS.map(([row]) => event.insert(TABLE, 10, row)));
  });
  afterEach(async () => {
    await fx.drop();
  });
  const keyOf = (row: readonly Cell[]): string[] => [row[2] ?? '', row[0] ?? ''];

  it('are the MD5 of the canonical text as it is documented, buckets and sums too', async () => {
    const expected = ROWS.map(([row, canonical]) => ({ key: keyOf(row), digest: md5(line(canonical)) }));
    const found = await fx.warehouse.digests(TABLE, EVERYTHING, { of: 1, which: [0] }, running());
    expect(new Map(found.map((d) => [d.key.join(), d.digest]))).toEqual(new Map(expected.map((d) => [d.key.join(), d.digest])));
    const sums = new Map<number, { rows: number; halves: [bigint, bigint] }>();
    for (const { key, digest } of expected) {
      const { rows, halves } = sums.get(bucketOf(key)) ?? { rows: 0, halves: [0n, 0n] };
      sums.set(bucketOf(key), { rows: rows + 1, halves: [halves[0] + BigInt(`0x${digest.slice(0, 16)}`), halves[1] + BigInt(`0x${digest.slice(16)}`)] });
    }
    const hex = (sum: bigint): string => BigInt.asUintN(64, sum).toString(16).padStart(16, '0');
    const wanted = [...sums].map(([bucket, { rows, halves }]) => ({ bucket, rows, checksum: hex(halves[0]) + hex(halves[1]) })).sort((a, b) => a.bucket - b.bucket);
    expect([...(await fx.warehouse.checksums(TABLE, EVERYTHING, BUCKETS, running()))].sort((a, b) => a.bucket - b.bucket)).toEqual(wanted);
  });

  it('are of the asked buckets and of the asked range of a composite key alone', async () => {
    const range = { from: ['-10', 'n10😀'], to: ['10', 'n3'] };
    const inRange = ROWS.map(([row]) => keyOf(row)).filter(([id, name]) => Number(id) >= -10 && (Number(id) < 10 || (id === '10' && (name ?? '') < 'n3')));
    const which = [0, 3, 7, 15];
    const found = await fx.warehouse.digests(TABLE, range, { of: BUCKETS, which }, running());
    expect(found.map((d) => d.key.join()).sort()).toEqual(inRange.filter((key) => which.includes(bucketOf(key))).map((key) => key.join()).sort());
    expect((await fx.warehouse.checksums(TABLE, range, BUCKETS, running())).reduce((rows, sum) => rows + sum.rows, 0)).toBe(inRange.length);
    expect(await fx.warehouse.checksums(TABLE, { from: ['1000', ''], to: null }, BUCKETS, running())).toEqual([]);
    expect(await fx.warehouse.digests(TABLE, EVERYTHING, { of: BUCKETS, which: [] }, running())).toEqual([]);
  });

  it('do not depend on version or epoch of a row', async () => {
    const before = await fx.warehouse.checksums(TABLE, EVERYTHING, 1, running());
    await fx.db.query('UPDATE target.items SET __elstream_epoch = 7, __elstream_position = NULL');
    expect(await fx.warehouse.checksums(TABLE, EVERYTHING, 1, running())).toEqual(before);
  });

  it('show a clear value left in a column that is masked to NULL', async () => {
    const masked: TableMapping = { ...TABLE, columns: TABLE.columns.map((c) => (c.target === 'at' ? { ...c, mask: { kind: 'null' } } : c)) };
    const clear = await fx.warehouse.checksums(masked, EVERYTHING, 1, running());
    await fx.db.query('UPDATE target.items SET at = NULL');
    expect(await fx.warehouse.checksums(masked, EVERYTHING, 1, running())).not.toEqual(clear);
  });

  it('are refused for hashed columns and impossible buckets', async () => {
    const hashed: TableMapping = { ...TABLE, columns: TABLE.columns.map((c) => (c.target === 'at' ? { ...c, mask: { kind: 'hash', secret: 's' } } : c)) };
    await expect(fx.warehouse.checksums(hashed, EVERYTHING, 1, running())).rejects.toThrow(RangeError);
    await expect(fx.warehouse.checksums(TABLE, EVERYTHING, 0, running())).rejects.toThrow(RangeError);
    await expect(fx.warehouse.digests(TABLE, EVERYTHING, { of: 4, which: [4] }, running())).rejects.toThrow(RangeError);
  });
});

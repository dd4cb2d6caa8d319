import type { BucketChecksum, BucketChoice, KeyDigest, MappedColumn, TableMapping } from '@elstream/core';
import { bucketChecksum, bucketChoice, bucketCount, concatenation, digestedCell, integerKey, KEY_MODULUS, KEY_MULTIPLIER, type DigestedCell, type DigestTable } from '../digest-forms';
import { cellText, decimalText, typeOnSide, UTF8 } from './cell-text';
import type { TSql } from './gate';
import { t, type MssqlParams } from './parameters';
import { selectCell, type SelectedCell } from './select-cell';
import { bracket } from './sql';
import { mssqlType } from './type-name';

/** The rows of one side that are digested, on SQL Server. */
export interface MssqlDigestRows extends DigestTable {
  /** Bound in `from`. The name `buckets` is taken. */
  readonly params?: MssqlParams;
}

/** CONCAT takes 254 arguments. */
const MAX_ARGUMENTS = 250;

/** Checksums by bucket in one statement; buckets without rows are absent. Needs SQL Server 2019. */
export async function readMssqlChecksums(tsql: TSql, rows: MssqlDigestRows, buckets: number, signal: AbortSignal): Promise<BucketChecksum[]> {
  const found: BucketChecksum[] = [];
  for await (const sums of tsql.cells(mssqlChecksumsQuery(rows, buckets), rows.params, signal)) found.push(bucketChecksum(sums));
  return found;
}

/** Key and digest of every row of some buckets, in one statement, in no order. */
export async function readMssqlDigests(tsql: TSql, rows: MssqlDigestRows, buckets: BucketChoice, signal: AbortSignal): Promise<KeyDigest[]> {
  if (buckets.which.length === 0) return [];
  const key = keyCells(rows, (index) => `u.k${String(index)}`);
  const found: KeyDigest[] = [];
  const params = { ...rows.params, buckets: t.json(buckets.which) };
  for await (const [digest, ...values] of tsql.cells(mssqlDigestsQuery(rows, buckets), params, signal)) {
    found.push({ key: key.map(({ cell }, i) => cell(values[i]) ?? ''), digest: String(digest).toLowerCase() });
  }
  return found;
}

/** → bucket, rows, sum of the digests' first and of their last 64 bits. The sums are texts: the driver would make doubles of them. */
export function mssqlChecksumsQuery(rows: MssqlDigestRows, buckets: number): string {
  const { digest, bucket, from } = digested(rows, bucketCount(buckets));
  // a bigint would overflow; decimal(38,0) has room for 10^19 rows
  const half = (first: number): string => `CONVERT(varchar(41), SUM(CONVERT(decimal(38,0), CONVERT(bigint, SUBSTRING(d.digest, ${String(first)}, 8)))))`;
  return `SELECT d.bucket, COUNT_BIG(*) AS found, ${half(1)} AS high, ${half(9)} AS low FROM (SELECT ${digest} AS digest, ${bucket} AS bucket FROM ${from}) AS d GROUP BY d.bucket`;
}

/** → digest in hex, then the key's columns as `selectCell` has them. The buckets are bound as JSON to `@buckets`. */
export function mssqlDigestsQuery(rows: MssqlDigestRows, buckets: BucketChoice): string {
  const { of } = bucketChoice(buckets);
  const { digest, bucket, from } = digested(rows, of);
  const key = keyCells(rows, (index) => `u.k${String(index)}`).map(({ sql }, i) => `${sql} AS k${String(i)}`);
  // asked of the key alone: rows of other buckets are not digested
  return `SELECT ${[`CONVERT(varchar(32), ${digest}, 2) AS digest`, ...key].join(', ')} FROM ${from} WHERE ${bucket} IN (SELECT b.bucket FROM OPENJSON(@buckets) WITH (bucket bigint '$') AS b)`;
}

interface Digested {
  /** SQL of a row's digest (binary) and of the number of its bucket, over `from`. */
  readonly digest: string;
  readonly bucket: string;
  readonly from: string;
}

/** Texts are made in a derived table, so that one written twice, with its length before it, is spelled once. */
function digested({ mapping, side, from }: MssqlDigestRows, buckets: number): Digested {
  const cells = mapping.columns.map((column) => digestedCell(column, side));
  const inner = mapping.columns.map((column, i) => `${carried(column, side, cells[i] ?? FREE)} AS c${String(i)}`);
  const key = mapping.key.map((index, i) => `${nameOf(mapping.columns[index], side)} AS k${String(i)}`);
  const md5 = (indices: readonly number[]): string => {
    const parts = indices.flatMap((i) => parted(cells[i] ?? FREE, `u.c${String(i)}`, mayBeHalf(mapping.columns[i], side)));
    // the collation of the expression decides the bytes: without it they would be those of a code page
    return `HASHBYTES('MD5', CONVERT(varchar(max), ${concatenation(parts, MAX_ARGUMENTS, concat)} COLLATE ${UTF8}))`;
  };
  return {
    digest: md5(mapping.columns.map((_, i) => i)),
    bucket: buckets === 1 ? 'CONVERT(bigint, 0)' : `${keyNumber(mapping, () => md5(mapping.key))} % CONVERT(bigint, ${String(buckets)})`,
    from: `(SELECT ${[...inner, ...key].join(', ')} FROM ${from}) AS u`,
  };
}

/** One argument of type (max) keeps the others from being cut at 8,000 bytes. */
const concat = (parts: readonly string[]): string => `CONCAT(${["CONVERT(nvarchar(max), N'')", ...parts].join(', ')})`;

function keyNumber(mapping: TableMapping, digest: () => string): string {
  // 0x00 before the four bytes makes the number unsigned
  if (integerKey(mapping) === null) return `CONVERT(bigint, 0x00000000 + SUBSTRING(${digest()}, 1, 4))`;
  const m = String(KEY_MODULUS);
  return `((CONVERT(bigint, u.k0) % ${m} + ${m}) % ${m} * CONVERT(bigint, ${String(KEY_MULTIPLIER)}) % ${m})`;
}

const FREE: DigestedCell = { form: 'free', hidden: false };

/**
 * The text of a cell; of bits, their hex digits. All of one collation, said: pieces of several could not be put together,
 * and the database's own may be any.
 */
function carried(column: MappedColumn, side: DigestTable['side'], { form, hidden }: DigestedCell): string {
  if (hidden) return `CONVERT(nvarchar(max), NULL)`;
  return `(${textOf(column, { side, form })}) COLLATE ${UTF8}`;
}

function textOf(column: MappedColumn, { side, form }: { readonly side: DigestTable['side']; readonly form: DigestedCell['form'] }): string {
  const name = nameOf(column, side);
  switch (form) {
    case 'raw':
      return cellText(column, side, name);
    case 'float4':
      return bits(name, 'real', 4);
    case 'float8':
      return bits(name, 'float', 8);
    case 'decimal':
      return decimalText(column, side, name);
    case 'free':
      return `CONVERT(nvarchar(max), ${cellText(column, side, name)})`;
  }
  form satisfies never;
  return name;
}

function bits(ref: string, type: string, bytes: number): string {
  return `LOWER(CONVERT(varchar(${String(2 * bytes)}), CONVERT(binary(${String(bytes)}), CONVERT(${type}, ${ref})), 2))`;
}

/** A source's nvarchar may hold half of a surrogate pair; a warehouse of ours never does. */
function mayBeHalf(column: MappedColumn | undefined, side: DigestTable['side']): boolean {
  if (column === undefined || side === 'target') return false;
  const held = mssqlType(typeOnSide(column, side));
  return held.of === 'text' && held.unicode;
}

/**
 * Arguments of CONCAT that write a cell; it leaves NULLs out, and no plain text is empty. A text that is no Unicode has no
 * length: the server makes another character of it, as capture does, and the two rows must not look equal. It is told by the
 * way back, which is gone only where there are other characters than those of one byte.
 */
function parted({ form, hidden }: DigestedCell, ref: string, half: boolean): string[] {
  if (form !== 'free') return hidden ? [SEPARATOR] : [ref, SEPARATOR];
  if (hidden) return [`N':'`];
  const utf8 = `CONVERT(varchar(max), ${ref} COLLATE ${UTF8})`;
  // DATALENGTH counts bytes; LEN would leave blanks at the end out
  const length = `DATALENGTH(${utf8})`;
  const unlessHalf = `CASE WHEN DATALENGTH(${ref}) = 2 * ${length} THEN ${length} WHEN CONVERT(varbinary(max), ${ref}) = CONVERT(varbinary(max), CONVERT(nvarchar(max), ${utf8})) THEN ${length} END`;
  return [half ? unlessHalf : length, `N':'`, ref];
}

/** Ends a cell whose text cannot hold it: a control character. */
const SEPARATOR = 'NCHAR(31)';

function keyCells({ mapping, side }: MssqlDigestRows, ref: (index: number) => string): SelectedCell[] {
  return mapping.key.flatMap((at, i) => {
    const column = mapping.columns[at];
    return column === undefined ? [] : [selectCell({ type: column.type, native: typeOnSide(column, side) }, ref(i))];
  });
}

function nameOf(column: MappedColumn | undefined, side: DigestTable['side']): string {
  if (column === undefined) throw new RangeError('a key index is out of range');
  return `t.${bracket(side === 'source' ? column.source : column.target)}`;
}

import { decodeRows, hasHashMask, type BucketChecksum, type BucketSelection, type KeyDigest, type TableMapping } from '@elstream/core';
import type { DataSource } from 'typeorm';
import { canonicalTextSql, type Side } from './canonical-text';
import { copyOut } from './copy';
import { quoteName } from './sql';

/** What a digest statement reads: one side's table, alias `t`, and which of its rows. */
export interface DigestTarget {
  readonly side: Side;
  /** After FROM, with alias `t`. */
  readonly from: string;
  /** SQL of the key range, `true` for all rows. */
  readonly where: string;
  /** Whether the server's texts are UTF-8 already. */
  readonly utf8: boolean;
}

/** The server takes 100 arguments of a function; a column is two. */
const COLUMNS_PER_CALL = 45;
const MOST_BUCKETS = 2 ** 31 - 1;

/** Checksums by bucket, in one statement. See the ports' `checksums`. */
export async function readChecksums(dataSource: DataSource, mapping: TableMapping, target: DigestTarget, options: { readonly buckets: number; readonly signal: AbortSignal }): Promise<BucketChecksum[]> {
  const found: BucketChecksum[] = [];
  for await (const [bucket, rows, upper, lower] of decodeRows(copyOut(dataSource, `COPY (${checksumsSql(mapping, target, options.buckets)}) TO STDOUT`, options.signal).rows)) {
    found.push({ bucket: Number(bucket), rows: Number(rows), checksum: half(upper) + half(lower) });
  }
  return found;
}

/** Key and digest of every row of some buckets, in one statement. See the ports' `digests`. */
export async function readDigests(dataSource: DataSource, mapping: TableMapping, target: DigestTarget, options: { readonly buckets: BucketSelection; readonly signal: AbortSignal }): Promise<KeyDigest[]> {
  const statement = digestsSql(mapping, target, options.buckets);
  if (options.buckets.which.length === 0) return [];
  const found: KeyDigest[] = [];
  for await (const [digest, ...key] of decodeRows(copyOut(dataSource, `COPY (${statement}) TO STDOUT`, options.signal).rows)) {
    found.push({ key: key.map((cell) => cell ?? ''), digest: digest ?? '' });
  }
  return found;
}

/** A sum of signed 64-bit numbers → itself mod 2^64 as 16 hex digits. The server's sum cannot overflow: it is numeric. */
function half(sum: string | null | undefined): string {
  return BigInt.asUintN(64, BigInt(sum ?? '0')).toString(16).padStart(16, '0');
}

/**
 * One pass over the range. Each level keeps the one below from being merged into it (OFFSET 0), else every text would
 * be made once for its length and once for itself, and every digest twice.
 */
export function checksumsSql(mapping: TableMapping, target: DigestTarget, buckets: number): string {
  assertDigestable(mapping, buckets);
  const word = (from: number): string => `('x' || substr(d.digest, ${from}, 16))::bit(64)::int8`;
  return `SELECT bucket, count(*), sum(${word(1)}), sum(${word(17)}) FROM (
    SELECT ${bucketSql(lineOf(mapping.key.map((i) => `c.c${i}`), target), target, buckets)} AS bucket, ${rowDigest(mapping, target)} AS digest
    FROM (SELECT ${texts(mapping, target).join(', ')} FROM ${target.from} WHERE ${target.where} OFFSET 0) AS c
    OFFSET 0) AS d GROUP BY bucket`;
}

/** The bucket is asked of the key alone, so that only rows of the wanted buckets are written out in full. */
export function digestsSql(mapping: TableMapping, target: DigestTarget, buckets: BucketSelection): string {
  assertDigestable(mapping, buckets.of);
  const stray = buckets.which.find((bucket) => !Number.isSafeInteger(bucket) || bucket < 0 || bucket >= buckets.of);
  if (stray !== undefined) throw new RangeError(`there is no bucket ${stray} of ${buckets.of}`);
  const keyLine = lineOf(mapping.key.map((i) => textOf(mapping, target, i)), target);
  const keys = mapping.key.map((i, place) => `${valueOf(mapping, target, i)} AS k${place}`);
  return `SELECT ${[rowDigest(mapping, target), ...mapping.key.map((_, place) => `c.k${place}`)].join(', ')} FROM (
    SELECT ${[...texts(mapping, target), ...keys].join(', ')} FROM ${target.from}
    WHERE ${target.where} AND ${bucketSql(keyLine, target, buckets.of)} = ANY ('{${buckets.which.join(',')}}'::int8[]) OFFSET 0) AS c`;
}

function assertDigestable(mapping: TableMapping, buckets: number): void {
  // the hash needs the secret, which never goes to a database: such tables are compared row by row
  if (hasHashMask(mapping)) throw new RangeError(`${mapping.id} has hashed columns; their digests cannot be computed inside the database`);
  if (!Number.isSafeInteger(buckets) || buckets < 1 || buckets > MOST_BUCKETS) throw new RangeError(`${buckets} is no number of buckets`);
}

function valueOf(mapping: TableMapping, { side }: DigestTarget, index: number): string {
  const column = mapping.columns[index];
  if (column === undefined) throw new RangeError(`column ${index} of ${mapping.id} is out of range`);
  return `t.${quoteName(column[side])}`;
}

/**
 * At the source a column masked to NULL is not even read; in the warehouse it is: a clear value that was left there is a
 * difference.
 */
function textOf(mapping: TableMapping, target: DigestTarget, index: number): string {
  const value = valueOf(mapping, target, index);
  const column = mapping.columns[index];
  if (column === undefined || (column.mask?.kind === 'null' && target.side === 'source')) return 'NULL::text';
  return canonicalTextSql(column, target.side, value);
}

const texts = (mapping: TableMapping, target: DigestTarget): string[] => mapping.columns.map((_, i) => `${textOf(mapping, target, i)} AS c${i}`);

const rowDigest = (mapping: TableMapping, target: DigestTarget): string => md5(lineOf(mapping.columns.map((_, i) => `c.c${i}`), target), target);

const md5 = (text: string, { utf8 }: DigestTarget): string => `md5(${utf8 ? text : `convert_to(${text}, 'UTF8')`})`;

/** NULL → `~`, else `=` length in UTF-8 bytes `:` text; one after the other. concat() leaves NULL out. */
function lineOf(columnTexts: readonly string[], { utf8 }: DigestTarget): string {
  const length = (text: string): string => `octet_length(${utf8 ? text : `convert_to(${text}, 'UTF8')`})`;
  let parts = columnTexts.map((text) => `coalesce('=' || ${length(text)}::text || ':', '~'), ${text}`);
  do {
    const calls: string[] = [];
    for (let at = 0; at < parts.length; at += COLUMNS_PER_CALL) calls.push(`concat(${parts.slice(at, at + COLUMNS_PER_CALL).join(', ')})`);
    parts = calls;
  } while (parts.length > 1);
  return parts[0] ?? `''`;
}

/** bit(32) → int8 is without sign. */
const bucketSql = (keyLine: string, target: DigestTarget, buckets: number): string => `(('x' || substr(${md5(keyLine, target)}, 1, 8))::bit(32)::int8 % ${buckets})`;

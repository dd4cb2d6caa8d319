import type { DataSource } from 'typeorm';
import { decodeRows, type BucketChecksum, type BucketChoice, type Cell, type KeyDigest, type MappedColumn, type TableMapping } from '@elstream/core';
import { copyOut } from './copy';
import { quoteName } from './sql';

/** The rows of one side that are digested. */
export interface DigestRows {
  readonly mapping: TableMapping;
  /** Names and types of the columns: the mapping's source or its target. */
  readonly side: 'source' | 'target';
  /** True if the database's own encoding is UTF-8, so that its texts are digested as they are. */
  readonly utf8: boolean;
  /** What follows FROM, conditions included; the table's alias is `t`. */
  readonly from: string;
}

/** concat() takes 100 arguments, like every function. */
const MAX_ARGUMENTS = 90;
const MAX_BUCKETS = 2 ** 32;

/** Checksums by bucket in one statement; buckets without rows are absent. Aborting gives the connection up. */
export async function readChecksums(dataSource: DataSource, rows: DigestRows, buckets: number, signal: AbortSignal): Promise<BucketChecksum[]> {
  const found: BucketChecksum[] = [];
  for await (const [bucket, count, high, low] of cellsOf(dataSource, checksumsQuery(rows, buckets), signal)) {
    found.push({ bucket: Number(bucket), rows: Number(count), checksum: half(high) + half(low) });
  }
  return found;
}

/** Key and digest of every row of some buckets, in one statement, in no order. */
export async function readDigests(dataSource: DataSource, rows: DigestRows, buckets: BucketChoice, signal: AbortSignal): Promise<KeyDigest[]> {
  if (buckets.which.length === 0) return [];
  const found: KeyDigest[] = [];
  for await (const [digest, ...key] of cellsOf(dataSource, digestsQuery(rows, buckets), signal)) found.push({ key: key.map((cell) => cell ?? ''), digest: digest ?? '' });
  return found;
}

async function* cellsOf(dataSource: DataSource, query: string, signal: AbortSignal): AsyncGenerator<Cell[]> {
  yield* decodeRows(copyOut(dataSource, `COPY (${query}) TO STDOUT`, signal).rows);
}

/** The server sums signed 64-bit numbers exactly; modulo 2^64 that is the sum of the unsigned ones. */
function half(sum: Cell | undefined): string {
  return BigInt.asUintN(64, BigInt(sum ?? '0')).toString(16).padStart(16, '0');
}

export function checksumsQuery(rows: DigestRows, buckets: number): string {
  const bits = (from: number): string => `('x' || substr(d.digest, ${String(from)}, 16))::bit(64)::int8`;
  return `SELECT d.bucket, count(*), sum(${bits(1)}), sum(${bits(17)}) FROM (${digested(rows, bucketCount(buckets))}) AS d GROUP BY d.bucket`;
}

export function digestsQuery(rows: DigestRows, buckets: BucketChoice): string {
  const of = bucketCount(buckets.of);
  if (!buckets.which.every((bucket) => Number.isSafeInteger(bucket) && bucket >= 0 && bucket < of)) throw new RangeError(`buckets must be whole numbers below ${String(of)}`);
  const keys = rows.mapping.key.map((_, i) => `k${String(i)}`);
  return `SELECT d.digest, ${keys.map((k) => `d.${k}`).join(', ')} FROM (${digested(rows, of, { keys, which: buckets.which })}) AS d`;
}

function bucketCount(buckets: number): number {
  if (!Number.isSafeInteger(buckets) || buckets < 1 || buckets > MAX_BUCKETS) throw new RangeError(`the number of buckets must be whole and between 1 and 2^32: ${String(buckets)}`);
  return buckets;
}

/**
 * Per row its `digest`, its `bucket` and key columns. OFFSET 0 keeps the planner from pulling a level up, which would
 * compute texts and digests once for each place that uses them.
 */
function digested(rows: DigestRows, buckets: number, only?: { readonly keys: readonly string[]; readonly which: readonly number[] }): string {
  const { mapping, side, from } = rows;
  const keys = only?.keys ?? [];
  const bytes = (text: string): string => (rows.utf8 ? text : `convert_to(${text}, 'UTF8')`);
  const md5 = (texts: readonly string[]): string => `md5(${bytes(joined(texts, bytes))})`;
  const texts = mapping.columns.map((column, i) => `${canonicalText(column, side)} AS c${String(i)}`);
  const keyColumns = keys.map((name, i) => `${nameOf(columnAt(mapping, mapping.key[i] ?? -1), side)} AS ${name}`);
  const key = mapping.key.map((index) => `c${String(index)}`);
  const all = mapping.columns.map((_, i) => `c${String(i)}`);
  const bucket = buckets === 1 ? '0' : `('x' || left(${md5(key)}, 8))::bit(32)::int8 % ${String(buckets)}`;
  // asked of the key alone: rows of other buckets are not digested
  const wanted = only === undefined ? '' : ` WHERE ${bucket} = ANY ('{${only.which.join(',')}}'::int8[])`;
  return `SELECT ${[`${md5(all)} AS digest`, `${bucket} AS bucket`, ...keys].join(', ')} FROM (SELECT ${[...texts, ...keyColumns].join(', ')} FROM ${from} OFFSET 0) AS u${wanted} OFFSET 0`;
}

function columnAt(mapping: TableMapping, index: number): MappedColumn {
  const column = mapping.columns[index];
  if (column === undefined) throw new RangeError(`key index ${String(index)} of ${mapping.id} is out of range`);
  return column;
}

/** Texts with their lengths in bytes before them, so that no two rows share one; concat() leaves NULLs out. */
function joined(texts: readonly string[], bytes: (text: string) => string): string {
  return concatenation(texts.flatMap((text) => [`coalesce('=' || octet_length(${bytes(text)}) || ':', '~')`, text]));
}

function concatenation(parts: readonly string[]): string {
  if (parts.length <= MAX_ARGUMENTS) return `concat(${parts.join(', ')})`;
  const groups: string[] = [];
  for (let at = 0; at < parts.length; at += MAX_ARGUMENTS) groups.push(concatenation(parts.slice(at, at + MAX_ARGUMENTS)));
  return concatenation(groups);
}

const nameOf = (column: MappedColumn, side: DigestRows['side']): string => `t.${quoteName(side === 'source' ? column.source : column.target)}`;

/**
 * SQL of a cell's canonical text, NULL for NULL. Which form it takes is decided by the mapping alone and so the same on
 * both sides: the form of the kind if the warehouse column is of that kind as well, else the cell as the server prints it.
 */
function canonicalText(column: MappedColumn, side: DigestRows['side']): string {
  const { mask } = column;
  if (mask?.kind === 'hash') throw new RangeError(`column ${column.source} is hashed outside the database; its table is compared row by row`);
  // The warehouse's column is read all the same: a clear value left there is a difference.
  if (mask?.kind === 'null' && side === 'source') return 'NULL::text';
  const name = nameOf(column, side);
  switch (formOf(column)) {
    case 'float4':
      return `CASE WHEN ${name}::float4 = 'NaN' THEN '7fc00000' ELSE encode(float4send(${name}::float4), 'hex') END`;
    case 'float8':
      return `CASE WHEN ${name}::float8 = 'NaN' THEN '7ff8000000000000' ELSE encode(float8send(${name}::float8), 'hex') END`;
    case 'decimal':
      return `trim_scale(${name}::numeric)::text`;
    case 'binary':
      return `encode(${name}::bytea, 'hex')`;
    case 'text':
      return `${name}::text`;
    case 'printed':
      // concat() calls the type's own output function, as COPY does; a cast spells booleans out and strips char(n). IS
      // NULL would hold for a composite value of NULLs only.
      return `CASE WHEN ${name} IS DISTINCT FROM NULL THEN concat(${name}) END`;
  }
}

type Form = 'float4' | 'float8' | 'decimal' | 'binary' | 'text' | 'printed';

function formOf(column: MappedColumn): Form {
  const { type: held } = column;
  const target = column.targetType.trim().replace(/^pg_catalog\./i, '');
  const ifTarget = (pattern: RegExp, form: Form): Form => (pattern.test(target) ? form : 'printed');
  switch (held.kind) {
    case 'float':
      return held.bits === 32 ? ifTarget(/^(float4|real)$/i, 'float4') : ifTarget(/^(float8|double precision)$/i, 'float8');
    case 'decimal':
      return ifTarget(/^(numeric|decimal)(\s*\([^)]*\))?$/i, 'decimal');
    case 'binary':
      return ifTarget(/^bytea$/i, 'binary');
    case 'text':
      return held.padded ? 'printed' : ifTarget(/^(text|varchar|character varying)(\s*\([^)]*\))?$/i, 'text');
    case 'boolean':
    case 'integer':
    case 'uuid':
    case 'date':
    case 'time':
    case 'timestamp':
    case 'json':
    case 'other':
      return 'printed';
  }
  held satisfies never;
  return 'printed';
}

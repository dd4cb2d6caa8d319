import type { DataSource } from 'typeorm';
import { bareType, decodeRows, type BucketChecksum, type BucketChoice, type Cell, type KeyDigest, type MappedColumn, type TableMapping } from '@elstream/core';
import { bucketCount, bucketChecksum, bucketChoice, concatenation, digestedCell, integerKey, KEY_MODULUS, KEY_MULTIPLIER, type DigestedCell, type DigestTable } from '../digest-forms';
import { copyOut } from './copy';
import { quoteName } from './sql';

/** The rows of one side that are digested. */
export interface DigestRows extends DigestTable {
  /** True if the database's own encoding is UTF-8, so that its texts are digested as they are. */
  readonly utf8: boolean;
}

/** concat() takes 100 arguments, like every function. */
const MAX_ARGUMENTS = 90;

/** Checksums by bucket in one statement; buckets without rows are absent. Aborting gives the connection up. */
export async function readChecksums(dataSource: DataSource, rows: DigestRows, buckets: number, signal: AbortSignal): Promise<BucketChecksum[]> {
  const found: BucketChecksum[] = [];
  for await (const sums of cellsOf(dataSource, checksumsQuery(rows, buckets), signal)) found.push(bucketChecksum(sums));
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

export function checksumsQuery(rows: DigestRows, buckets: number): string {
  const { digest, bucket, from } = digested(rows, bucketCount(buckets));
  const half = (first: number): string => `sum(substring(d.bits from ${String(first)} for 64)::int8)`;
  return `SELECT d.bucket, count(*), ${half(1)}, ${half(65)} FROM (SELECT ('x' || ${digest})::bit(128) AS bits, ${bucket} AS bucket FROM ${from} OFFSET 0) AS d GROUP BY d.bucket`;
}

export function digestsQuery(rows: DigestRows, buckets: BucketChoice): string {
  const { of, which } = bucketChoice(buckets);
  const { digest, bucket, from, key } = digested(rows, of, 'nested');
  // asked of the key alone: rows of other buckets are not digested
  return `SELECT ${[digest, ...key].join(', ')} FROM ${from} WHERE ${bucket} = ANY ('{${which.join(',')}}'::int8[])`;
}

interface Digested {
  /** SQL of a row's digest, of the number of its bucket and of its key columns, over `from`. */
  readonly digest: string;
  readonly bucket: string;
  readonly key: readonly string[];
  readonly from: string;
}

/**
 * Columns whose text is written twice, with its length before it, are printed once in a subquery; OFFSET 0 keeps the
 * planner from pulling that up. Where there is none, the table is read as it is, unless `nested` is asked for.
 */
function digested({ mapping, side, utf8, from }: DigestRows, buckets: number, how: 'nested' | 'flat' = 'flat'): Digested {
  const bytes = (text: string): string => (utf8 ? text : `convert_to(${text}, 'UTF8')`);
  const forms = mapping.columns.map((column) => cellForm(column, side));
  const nested = how === 'nested' || forms.some(({ form, hidden }) => form === 'printed' && !hidden);
  const refs = mapping.columns.map((column, i) => (nested ? `u.c${String(i)}` : nameOf(column, side)));
  const cellsOfRow = (indices: readonly number[]): string[] => indices.flatMap((i) => cellParts(forms[i] ?? FREE, refs[i] ?? '', bytes));
  const md5 = (indices: readonly number[]): string => `md5(${bytes(concatenation(cellsOfRow(indices), MAX_ARGUMENTS, (parts) => `concat(${parts.join(', ')})`))})`;
  return {
    digest: md5(mapping.columns.map((_, i) => i)),
    bucket: buckets === 1 ? '0' : `${keyNumber(mapping, refs, () => md5(mapping.key))} % ${String(buckets)}`,
    key: mapping.key.map((index) => refs[index] ?? ''),
    from: nested ? `(SELECT ${mapping.columns.map((column, i) => `${carried(column, side, forms[i] ?? FREE)} AS c${String(i)}`).join(', ')} FROM ${from} OFFSET 0) AS u` : from,
  };
}

/** A number of the key that spreads over buckets: of one integer by arithmetic, else of the key's digest. */
function keyNumber(mapping: TableMapping, refs: readonly string[], digest: () => string): string {
  const index = integerKey(mapping);
  if (index === null) return `('x' || left(${digest()}, 8))::bit(32)::int8`;
  const m = String(KEY_MODULUS);
  return `((${refs[index] ?? ''}::int8 % ${m} + ${m}) % ${m} * ${String(KEY_MULTIPLIER)} % ${m})`;
}

/** What the subquery passes on: the column, or its text. */
function carried(column: MappedColumn, side: DigestRows['side'], { form, hidden }: CellForm): string {
  if (hidden) return 'NULL::text';
  const name = nameOf(column, side);
  // concat() calls the type's own output function, as COPY does; a cast spells booleans out and strips char(n). IS
  // NULL would hold for a composite value of NULLs only.
  return form === 'printed' ? `CASE WHEN ${name} IS DISTINCT FROM NULL THEN concat(${name}) END` : name;
}

const nameOf = (column: MappedColumn, side: DigestRows['side']): string => `t.${quoteName(side === 'source' ? column.source : column.target)}`;

/** Ends a cell whose text cannot hold it: a control character. */
const SEPARATOR = `E'\\x1f'`;

/** Free texts are printed, but those that are texts already. */
interface CellForm extends Omit<DigestedCell, 'form'> {
  readonly form: Exclude<DigestedCell['form'], 'free'> | 'text' | 'printed';
}

const FREE: CellForm = { form: 'printed', hidden: false };

function cellForm(column: MappedColumn, side: DigestRows['side']): CellForm {
  const { form, hidden } = digestedCell(column, side);
  if (form !== 'free') return { form, hidden };
  return { form: column.type.kind === 'text' && !column.type.padded && TEXTS.test(bareType(column.targetType)) ? 'text' : 'printed', hidden };
}

/** Arguments of concat() that write a cell; it leaves NULLs out, and no plain text is empty. */
function cellParts({ form, hidden }: CellForm, ref: string, bytes: (text: string) => string): string[] {
  if (hidden) return form === 'text' || form === 'printed' ? [`':'`] : [SEPARATOR];
  switch (form) {
    case 'raw':
      return [ref, SEPARATOR];
    case 'float4':
      return [`CASE WHEN ${ref}::float4 = 'NaN' THEN '7fc00000' ELSE encode(float4send(${ref}::float4), 'hex') END`, SEPARATOR];
    case 'float8':
      return [`CASE WHEN ${ref}::float8 = 'NaN' THEN '7ff8000000000000' ELSE encode(float8send(${ref}::float8), 'hex') END`, SEPARATOR];
    case 'decimal':
      return [`trim_scale(${ref}::numeric)`, SEPARATOR];
    case 'text':
      return [`octet_length(${bytes(`${ref}::text`)})`, `':'`, ref];
    case 'printed':
      return [`octet_length(${bytes(ref)})`, `':'`, ref];
  }
  form satisfies never;
  return [];
}

const TEXTS = /^(text|varchar|character varying)(\s*\([^)]*\))?$/i;

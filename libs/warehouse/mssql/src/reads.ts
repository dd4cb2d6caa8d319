import { LogPosition, type BucketChecksum, type BucketChoice, type Cell, type KeyDigest, type KeyRange } from '@elstream/core';
import { readMssqlChecksums, readMssqlDigests, t, type MssqlDigestRows, type TSql } from '@elstream/database';
import { selectCells } from './cells';
import { keysFrom, rowsInRange } from './key-range';
import { keyList, keysParam } from './keys';
import { EPOCH_COLUMN, POSITION_COLUMN, quotedOf, type Target } from './target';

const keyColumns = (target: Target): string => target.key.map(quotedOf('t')).join(', ');

/** The first key after `@skip` keys from the range's beginning. `from`: of `keysFrom`. */
export function nextKeySql(target: Target, from: string): string {
  return `SELECT ${selectCells(target.key, quotedOf('t')).list} FROM ${from} ORDER BY ${keyColumns(target)} OFFSET @skip ROWS FETCH NEXT 1 ROWS ONLY;`;
}

/** Bounds by skipping along the key's index, `mapping.chunkRows` at a time; each statement is short. */
export async function* planChunks(db: TSql, target: Target, signal: AbortSignal): AsyncGenerator<KeyRange> {
  const cells = selectCells(target.key, quotedOf('t'));
  let from: string[] | null = null;
  while (!signal.aborted) {
    const rest = keysFrom(target, from);
    const [found]: Record<string, unknown>[] = await db.rows(nextKeySql(target, rest.from), { ...rest.params, skip: t.int(target.mapping.chunkRows) });
    const to: string[] | null = found === undefined ? null : cells.row(found).map((cell) => cell ?? '');
    yield { from, to };
    if (to === null) return;
    from = to;
  }
}

export function digestRows(target: Target, range: KeyRange): MssqlDigestRows {
  return { mapping: target.mapping, side: 'target', ...rowsInRange(target, range) };
}

export async function checksums(db: TSql, target: Target, range: KeyRange, of: { readonly buckets: number; readonly signal: AbortSignal }): Promise<BucketChecksum[]> {
  return readMssqlChecksums(db, digestRows(target, range), of.buckets, of.signal);
}

export async function digests(db: TSql, target: Target, range: KeyRange, of: { readonly buckets: BucketChoice; readonly signal: AbortSignal }): Promise<KeyDigest[]> {
  return readMssqlDigests(db, digestRows(target, range), of.buckets, of.signal);
}

/** `from`: of `rowsInRange`. */
export function keysSql(target: Target, from: string): string {
  return `SELECT ${selectCells(target.key, quotedOf('t')).list} FROM ${from} ORDER BY ${keyColumns(target)};`;
}

export async function readKeys(db: TSql, target: Target, range: KeyRange): Promise<string[][]> {
  const cells = selectCells(target.key, quotedOf('t'));
  const { from, params } = rowsInRange(target, range);
  const rows = await db.rows(keysSql(target, from), params);
  return rows.map((row) => cells.row(row).map((cell) => cell ?? ''));
}

export interface VersionedRow {
  readonly row: Cell[];
  readonly epoch: number;
  readonly position: LogPosition | null;
}

const KEYS_PER_STATEMENT = 2000;

/** Rows at `@keys` with their versions. */
export function rowsByKeysSql(target: Target): string {
  const keys = keyList(target, 'keys');
  return `SET NOCOUNT ON;
${keys.declare}
SELECT t.${EPOCH_COLUMN} AS epoch, t.${POSITION_COLUMN} AS position, ${selectCells(target.columns, quotedOf('t')).list} FROM ${keys.table} AS u JOIN ${target.sql} AS t ON ${keys.same('t', 'u')};`;
}

export async function readByKeys(db: TSql, target: Target, keys: readonly (readonly string[])[]): Promise<VersionedRow[]> {
  const cells = selectCells(target.columns, quotedOf('t'));
  const found: VersionedRow[] = [];
  for (let start = 0; start < keys.length; start += KEYS_PER_STATEMENT) {
    const rows = await db.rows<{ epoch: number; position: Buffer | null } & Record<string, unknown>>(rowsByKeysSql(target), { keys: keysParam(keys.slice(start, start + KEYS_PER_STATEMENT)) });
    for (const row of rows) found.push({ row: cells.row(row), epoch: row.epoch, position: row.position === null ? null : LogPosition.parse(row.position.toString('hex')) });
  }
  return found;
}

export function countSql(target: Target): string {
  return `SELECT CONVERT(varchar(20), COUNT_BIG(*)) AS n FROM ${target.sql} AS t;`;
}

export async function countRows(db: TSql, target: Target): Promise<number> {
  const [row] = await db.rows<{ n: string }>(countSql(target));
  return Number(row?.n ?? '0');
}

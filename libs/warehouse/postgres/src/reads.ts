import { decodeRows, LogPosition, type Cell, type KeyRange } from '@elstream/core';
import { copyOut, onDatabase, quoteLiteral, rowOf, type DigestRows, type EntityDataSource } from '@elstream/database';
import { requireHoldableKeys } from './holdable-key';
import { EPOCH_COLUMN, POSITION_COLUMN, type Target } from './target';

const keyList = (target: Target, alias: string): string => target.key.map((c) => `${alias}.${c.quoted}`).join(', ');

/** `from ≤ key < to`, as SQL with literals (COPY takes no parameters); values carry the column's exact type and collation. */
function inRange(target: Target, range: KeyRange): string {
  const columns = rowOf(target.key.map((c) => `t.${c.quoted}`));
  const bound = (cells: readonly string[]): string => rowOf(target.key.map((c, i) => `${quoteLiteral(cells[i] ?? '')}::${c.type}`));
  const conditions = [...(range.from === null ? [] : [`${columns} >= ${bound(range.from)}`]), ...(range.to === null ? [] : [`${columns} < ${bound(range.to)}`])];
  return conditions.length === 0 ? 'true' : conditions.join(' AND ');
}

async function rowsOf(dataSource: EntityDataSource, query: string): Promise<Cell[][]> {
  const rows: Cell[][] = [];
  // COPY's text is the canonical text; `::text` casts are not (they strip char(n) padding and spell booleans out)
  for await (const row of decodeRows(copyOut(dataSource, `COPY (${query}) TO STDOUT`).rows)) rows.push(row);
  return rows;
}

/** Bounds by skipping along the key's index, `mapping.chunkRows` at a time; each statement is short. */
export async function* planChunks(dataSource: EntityDataSource, target: Target, signal: AbortSignal): AsyncGenerator<KeyRange> {
  let from: string[] | null = null;
  while (!signal.aborted) {
    const where = inRange(target, { from, to: null });
    const next: Cell[][] = await rowsOf(dataSource, `SELECT ${keyList(target, 't')} FROM ${target.sql} AS t WHERE ${where} ORDER BY ${keyList(target, 't')} OFFSET ${target.mapping.chunkRows} LIMIT 1`);
    const to: string[] | null = next[0] === undefined ? null : next[0].map((c) => c ?? '');
    yield { from, to };
    if (to === null) return;
    from = to;
  }
}

export function digestRows(target: Target, range: KeyRange): DigestRows {
  // the encoding is asked for by `check`
  return { mapping: target.mapping, side: 'target', utf8: true, from: `${target.sql} AS t WHERE ${inRange(target, range)}` };
}

export async function readKeys(dataSource: EntityDataSource, target: Target, range: KeyRange): Promise<string[][]> {
  const rows = await rowsOf(dataSource, `SELECT ${keyList(target, 't')} FROM ${target.sql} AS t WHERE ${inRange(target, range)} ORDER BY ${keyList(target, 't')}`);
  return rows.map((row) => row.map((cell) => cell ?? ''));
}

export interface VersionedRow {
  readonly row: Cell[];
  readonly epoch: number;
  readonly position: LogPosition | null;
}

const KEYS_PER_STATEMENT = 2000;

export async function readByKeys(dataSource: EntityDataSource, target: Target, keys: readonly (readonly string[])[]): Promise<VersionedRow[]> {
  requireHoldableKeys(target.mapping, keys);
  const found: VersionedRow[] = [];
  const names = target.key.map((_, i) => `k${i}`);
  for (let start = 0; start < keys.length; start += KEYS_PER_STATEMENT) {
    const values = keys.slice(start, start + KEYS_PER_STATEMENT).map((key) => `(${target.key.map((c, i) => `${quoteLiteral(key[i] ?? '')}::${c.type}`).join(', ')})`);
    const query = `SELECT ${target.columns.map((c) => `t.${c.quoted}`).join(', ')}, t.${EPOCH_COLUMN}, t.${POSITION_COLUMN} FROM (VALUES ${values.join(', ')}) AS u(${names.join(', ')})
      JOIN ${target.sql} AS t ON ${target.key.map((c, i) => `t.${c.quoted} = u.k${i}`).join(' AND ')}`;
    for (const cells of await rowsOf(dataSource, query)) {
      const position = cells.pop() ?? null;
      const epoch = Number(cells.pop());
      found.push({ row: cells, epoch, position: position === null ? null : LogPosition.parse(position.slice(2)) });
    }
  }
  return found;
}

export async function countRows(dataSource: EntityDataSource, target: Target): Promise<number> {
  const [row] = await onDatabase(dataSource, async (sql) => sql.query<{ n: string }>(`SELECT count(*)::text AS n FROM ${target.sql}`));
  return Number(row?.n ?? '0');
}

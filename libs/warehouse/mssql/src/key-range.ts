import type { KeyRange } from '@elstream/core';
import { t, type MssqlParams } from '@elstream/database';
import { keyCell } from './keys';
import { quotedOf, type Target } from './target';

/** What follows FROM, conditions included, the rows under the alias `t`; with its parameters. */
export interface RangeRows {
  readonly from: string;
  readonly params: MssqlParams;
}

/** No key is longer; one of `max` would slow the server down. */
const CELL_LENGTH = 4_000;

/**
 * Rows with `from ≤ key < to`, ordered by the server alone: it knows how its collations and GUIDs sort. T-SQL compares no
 * rows, and of `a > @a OR (a = @a AND b >= @b)` it seeks `a` alone: of a key whose first column has few values it would read a
 * large part of the table for every range. So a range of a composite key is put together from parts, none of which overlap,
 * each an index's own: columns that are equal, then one between bounds.
 */
export function rowsInRange(target: Pick<Target, 'key' | 'columns' | 'sql'>, range: KeyRange): RangeRows {
  const parts = partsOf(target.key, range);
  const part = (conditions: string): string => `${target.sql} AS t WHERE ${conditions}`;
  const [only = '', ...more] = parts.map(part);
  const columns = target.columns.map(quotedOf('t')).join(', ');
  return { from: more.length === 0 ? only : `(${[only, ...more].map((rows) => `SELECT ${columns} FROM ${rows}`).join('\n UNION ALL ')}) AS t`, params: paramsOf(range) };
}

/** The same for a key, as the first `@skip` and one more of each part: `ORDER BY` has no more to put in order. */
export function keysFrom(target: Pick<Target, 'key' | 'sql'>, from: readonly string[] | null): RangeRows {
  const range = { from, to: null };
  const parts = partsOf(target.key, range);
  const columns = target.key.map(quotedOf('t')).join(', ');
  const first = (conditions: string): string => `SELECT ${columns} FROM (SELECT TOP (@skip + 1) ${columns} FROM ${target.sql} AS t WHERE ${conditions} ORDER BY ${columns}) AS t`;
  const [only = ''] = parts;
  return { from: parts.length === 1 ? `${target.sql} AS t WHERE ${only}` : `(${parts.map(first).join('\n UNION ALL ')}) AS t`, params: paramsOf(range) };
}

function paramsOf(range: KeyRange): MssqlParams {
  const bound = (end: 'from' | 'to') => (range[end] ?? []).map((cell, i) => [`${end}${String(i)}`, t.nvarchar(cell, CELL_LENGTH)] as const);
  return Object.fromEntries([...bound('from'), ...bound('to')]);
}

/** A key column with the bounds it has. */
interface Bounded {
  readonly column: string;
  readonly from: string;
  readonly to: string;
}

/** Which ends a part of the key's columns has. */
interface Ends {
  readonly from: boolean;
  readonly to: boolean;
}

/** Columns by which a range is divided; of those after them, all but the first are compared row by row. */
const DIVIDING = 2;

function partsOf(key: Target['key'], range: KeyRange): string[] {
  const columns = key.map((c, i): Bounded => ({ column: `t.${c.quoted}`, from: bound(c, `@from${String(i)}`), to: bound(c, `@to${String(i)}`) }));
  return divided(columns, { from: range.from !== null, to: range.to !== null }, DIVIDING).map((conditions) => (conditions.length === 0 ? '1 = 1' : conditions.join(' AND ')));
}

/** A text is converted too: compared as nvarchar(max) it would keep the index from being used. Bounds are keys that stand. */
function bound(column: Target['key'][number], ref: string): string {
  const value = keyCell(column, ref);
  return value === ref ? `CONVERT(${column.type}, ${ref})${column.collation === null ? '' : ` COLLATE ${column.collation}`}` : value;
}

/** Conditions of each part. Whether both bounds begin alike is asked of the server: it alone knows what is equal. */
function divided(columns: readonly Bounded[], ends: Ends, by: number): string[][] {
  const [first, ...rest] = columns;
  if (first === undefined || (!ends.from && !ends.to)) return [[]];
  const { column, from, to } = first;
  if (rest.length === 0) return [[...(ends.from ? [`${column} >= ${from}`] : []), ...(ends.to ? [`${column} < ${to}`] : [])]];
  if (by === 0) return [[...(ends.from ? [compared(columns, 'from')] : []), ...(ends.to ? [compared(columns, 'to')] : [])]];
  const inner = [...(ends.from ? [`${column} > ${from}`] : []), ...(ends.to ? [`${column} < ${to}`] : [])];
  const under = (conditions: readonly string[], of: Ends): string[][] => divided(rest, of, by - 1).map((part) => [...conditions, ...part]);
  if (!ends.to) return [under([`${column} = ${from}`], ends), [inner]].flat();
  if (!ends.from) return [[inner], under([`${column} = ${to}`], ends)].flat();
  return [under([`${from} = ${to}`, `${column} = ${from}`], ends), under([`${from} < ${to}`, `${column} = ${from}`], { from: true, to: false }), [inner], under([`${from} < ${to}`, `${column} = ${to}`], { from: false, to: true })].flat();
}

/** Column by column, with a plain bound on the first before, which the index can seek. */
function compared(columns: readonly Bounded[], end: 'from' | 'to'): string {
  const [strictly, last] = end === 'from' ? ['>', '>='] : ['<', '<'];
  const [first] = columns;
  const ways = columns.map((c, i) => `(${[...columns.slice(0, i).map((b) => `${b.column} = ${b[end]}`), `${c.column} ${i === columns.length - 1 ? last : strictly} ${c[end]}`].join(' AND ')})`);
  return first === undefined ? '1 = 1' : `${first.column} ${strictly}= ${first[end]} AND (${ways.join(' OR ')})`;
}

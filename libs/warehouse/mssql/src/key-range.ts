import type { KeyRange } from '@elstream/core';
import { t, type MssqlParams } from '@elstream/database';
import { keyCell } from './keys';
import type { Target } from './target';

/** A condition on rows `t`, with its parameters. */
export interface RangeCondition {
  readonly sql: string;
  readonly params: MssqlParams;
}

/**
 * `from ≤ key < to`, ordered by the server alone: it knows how its collations and GUIDs sort. A composite key is compared
 * column by column, with a plain bound on its first column before, which the index can seek.
 */
export function inRange(target: Pick<Target, 'key'>, range: KeyRange): RangeCondition {
  const conditions: string[] = [];
  const params: Record<string, MssqlParams[string]> = {};
  for (const [end, cells] of [['from', range.from], ['to', range.to]] as const) {
    if (cells === null) continue;
    cells.forEach((cell, i) => (params[`${end}${String(i)}`] = t.nvarchar(cell)));
    const bounds = target.key.map((c, i) => ({ column: `t.${c.quoted}`, bound: bound(c, `@${end}${String(i)}`) }));
    conditions.push(end === 'from' ? above(bounds) : below(bounds));
  }
  return { sql: conditions.length === 0 ? '1 = 1' : conditions.join(' AND '), params };
}

interface Bound {
  readonly column: string;
  readonly bound: string;
}

/** A text is converted too: compared as nvarchar(max) it would keep the index from being used. Bounds are keys that stand. */
function bound(column: Target['key'][number], ref: string): string {
  const value = keyCell(column, ref);
  return value === ref ? `CONVERT(${column.type}, ${ref})${column.collation === null ? '' : ` COLLATE ${column.collation}`}` : value;
}

function above(bounds: readonly Bound[]): string {
  return lexicographic(bounds, '>', '>=');
}

function below(bounds: readonly Bound[]): string {
  return lexicographic(bounds, '<', '<');
}

function lexicographic(bounds: readonly Bound[], strictly: string, last: string): string {
  const [first] = bounds;
  if (first === undefined) return '1 = 1';
  if (bounds.length === 1) return `${first.column} ${last} ${first.bound}`;
  const ways = bounds.map(({ column, bound: to }, i) => `(${[...bounds.slice(0, i).map((b) => `${b.column} = ${b.bound}`), `${column} ${i === bounds.length - 1 ? last : strictly} ${to}`].join(' AND ')})`);
  return `${first.column} ${strictly}= ${first.bound} AND (${ways.join(' OR ')})`;
}

import { type KeyRange } from '@elstream/core';
import { keyValue, t, type MssqlParams } from '@elstream/database';
import { type ReadTarget, type TargetColumn } from './read-target';
import { isolated, selectedCells, type Statement } from './statement';

/** A key cell as it is bound and as OPENJSON reads it: no key is longer, and max would slow it. */
const CELL_LENGTH = 4000;

/** SQL of the key columns under an alias, in key order. */
const columnsOf = (target: ReadTarget, alias: string): string[] => target.key.map((k) => `${alias}.${k.name}`);

/**
 * `key <symbol> values` in key order. T-SQL compares no rows, so it is spelled out; the leading column's own condition
 * before it is what the server seeks its index by.
 */
export function compareKey(columns: readonly string[], symbol: '>' | '>=' | '<', values: readonly string[]): string {
  const strict = symbol === '<' ? '<' : '>';
  const after = (place: number): string => {
    const [column = '', value = ''] = [columns[place], values[place]];
    if (place === columns.length - 1) return `${column} ${symbol} ${value}`;
    return `${column} ${strict} ${value} OR (${column} = ${value} AND (${after(place + 1)}))`;
  };
  const [column = '', value = ''] = [columns[0], values[0]];
  return columns.length === 1 ? after(0) : `${column} ${strict}= ${value} AND (${after(0)})`;
}

/** Parameters of one key, and its values in SQL, exactly of the columns' types. @param prefix of the parameters' names */
function keyParams(key: readonly TargetColumn[], prefix: string, cells: readonly string[]): { readonly params: MssqlParams; readonly values: readonly string[] } {
  if (cells.length !== key.length) throw new RangeError(`a key of ${String(key.length)} columns was given ${String(cells.length)} cells`);
  return {
    params: Object.fromEntries(cells.map((cell, i) => [`${prefix}${String(i)}`, t.nvarchar(cell, CELL_LENGTH)])),
    values: key.map((column, i) => keyValue(column, `@${prefix}${String(i)}`)),
  };
}

/**
 * ` WHERE …` of a half-open range, or nothing. Leading cells that both bounds share are said as equalities: the index is then
 * sought by the first column in which the bounds differ, not read through from the first row of a large tenant, say. Equal
 * by their texts: what only the collation calls equal is compared as any other.
 * @param alias the table's
 */
export function rangeCondition(target: ReadTarget, range: KeyRange, alias = 't'): { readonly where: string; readonly params: MssqlParams } {
  const columns = columnsOf(target, alias);
  const from = range.from === null ? null : keyParams(target.key, 'from', range.from);
  const to = range.to === null ? null : keyParams(target.key, 'to', range.to);
  const shared = from === null || to === null ? 0 : sharedCells(range);
  const rest = columns.slice(shared);
  const parts = [
    ...columns.slice(0, shared).map((column, i) => `${column} = ${from?.values[i] ?? ''}`),
    ...(from === null ? [] : [compareKey(rest, '>=', from.values.slice(shared))]),
    ...(to === null ? [] : [compareKey(rest, '<', to.values.slice(shared))]),
  ];
  const bound = Object.entries(to?.params ?? {}).slice(shared);
  return { where: parts.length === 0 ? '' : ` WHERE ${parts.join(' AND ')}`, params: { ...from?.params, ...Object.fromEntries(bound) } };
}

/** The last column is always compared: a range of nothing stays one. */
function sharedCells({ from, to }: KeyRange): number {
  if (from === null || to === null) return 0;
  const differ = from.findIndex((cell, i) => cell !== to[i] || i === from.length - 1);
  return Math.max(differ, 0);
}

/** The rows of a range, in no order. */
export function selectRange(target: ReadTarget, range: KeyRange): Statement {
  const selected = selectedCells(target.columns);
  const { where, params } = rangeCondition(target, range);
  return { sql: isolated(`SELECT ${listOf(selected)} FROM ${target.table} AS t${where}`, target.snapshot), params, cells: selected.map((s) => s.cell) };
}

/** Rows of these keys. */
export function selectKeys(target: ReadTarget, keys: readonly (readonly string[])[]): Statement {
  const selected = selectedCells(target.columns);
  const { declare, join, params } = wantedKeys(target, keys);
  return { sql: isolated(`SELECT ${listOf(selected)} FROM ${join}`, target.snapshot, declare), params, cells: selected.map((s) => s.cell) };
}

export const listOf = (selected: readonly { readonly sql: string }[]): string => selected.map((s, i) => `${s.sql} AS c${String(i)}`).join(', ');

/**
 * Keys arrive as one JSON text and are turned into the columns' exact types once, in a table variable: the join then seeks
 * the key's index from the short list.
 */
export function wantedKeys(target: ReadTarget, keys: readonly (readonly string[])[]): { readonly declare: string; readonly join: string; readonly params: MssqlParams } {
  for (const cells of keys) if (cells.length !== target.key.length) throw new RangeError(`a key of ${String(target.key.length)} columns was given ${String(cells.length)} cells`);
  const columns = target.key.map((k, i) => `k${String(i)} ${k.native.startsWith('rowversion') ? 'binary(8)' : k.native}`);
  const read = target.key.map((_, i) => `k${String(i)} nvarchar(${String(CELL_LENGTH)}) '$[${String(i)}]'`);
  const values = target.key.map((k, i) => keyValue(k, `j.k${String(i)}`));
  const on = target.key.map((k, i) => `t.${k.name} = w.k${String(i)}`);
  return {
    declare: `DECLARE @wanted TABLE (${columns.join(', ')});
INSERT INTO @wanted SELECT ${values.join(', ')} FROM OPENJSON(@keys) WITH (${read.join(', ')}) AS j;`,
    join: `@wanted AS w JOIN ${target.table} AS t ON ${on.join(' AND ')}`,
    params: { keys: t.json(keys) },
  };
}

/** The key `rows` places after `after` (null: after the start). */
export function selectNextBound(target: ReadTarget, after: readonly string[] | null, rows: number): Statement {
  if (after !== null && target.key.length > 1) return selectNextCompositeBound(target, after, rows);
  const selected = selectedCells(target.key);
  const columns = columnsOf(target, 't');
  const bound = after === null ? null : keyParams(target.key, 'after', after);
  const where = bound === null ? '' : ` WHERE ${compareKey(columns, '>', bound.values)}`;
  return {
    sql: isolated(`SELECT ${listOf(selected)} FROM ${target.table} AS t${where} ORDER BY ${columns.join(', ')} OFFSET @skip ROWS FETCH NEXT 1 ROWS ONLY`, target.snapshot),
    params: { ...bound?.params, skip: t.bigint(after === null ? rows : rows - 1) },
    cells: selected.map((s) => s.cell),
  };
}

/**
 * `key > values` in parts, in the order in which they follow each other, none of which has a row of another. Each is one
 * seek of the key's index, which then gives its rows in key order.
 */
export function partsAfter(columns: readonly string[], values: readonly string[]): string[] {
  const parts = columns.map((column, place) => [...columns.slice(0, place).map((c, i) => `${c} = ${values[i] ?? ''}`), `${column} > ${values[place] ?? ''}`].join(' AND '));
  return parts.reverse();
}

/**
 * With one condition for the whole key the server would seek the first column alone and, for each bound, pass over all rows
 * of it that lie before. From the parts it takes `rows` keys of each at most.
 */
function selectNextCompositeBound(target: ReadTarget, after: readonly string[], rows: number): Statement {
  const columns = columnsOf(target, 't');
  const bound = keyParams(target.key, 'after', after);
  const names = target.key.map((_, i) => `k${String(i)}`);
  const listed = columns.map((column, i) => `${column} AS ${names[i] ?? ''}`).join(', ');
  const parts = partsAfter(columns, bound.values).map(
    (condition, i) => `SELECT ${names.map((name) => `p${String(i)}.${name}`).join(', ')} FROM (SELECT TOP (@rows) ${listed} FROM ${target.table} AS t WHERE ${condition} ORDER BY ${columns.join(', ')}) AS p${String(i)}`,
  );
  const selected = selectedCells(target.key.map((k, i) => ({ ...k, name: names[i] ?? '' })), 'n');
  return {
    sql: isolated(`SELECT ${listOf(selected)}\nFROM (${parts.join('\n  UNION ALL ')}) AS n\nORDER BY ${names.map((name) => `n.${name}`).join(', ')} OFFSET @skip ROWS FETCH NEXT 1 ROWS ONLY`, target.snapshot),
    params: { ...bound.params, rows: t.bigint(rows), skip: t.bigint(rows - 1) },
    cells: selected.map((s) => s.cell),
  };
}

/** Every `rows`-th key in one sort, each once: for a history table without an index along its key. */
export function selectEveryBound(target: ReadTarget, rows: number): Statement {
  const numbered = target.key.map((k, i) => `t.${k.name} AS k${String(i)}`);
  const names = target.key.map((_, i) => `k${String(i)}`);
  const selected = selectedCells(target.key.map((k, i) => ({ ...k, name: `k${String(i)}` })), 'd');
  return {
    sql: isolated(
      `SELECT ${listOf(selected)}
FROM (SELECT DISTINCT ${names.join(', ')}
  FROM (SELECT ${numbered.join(', ')}, ROW_NUMBER() OVER (ORDER BY ${columnsOf(target, 't').join(', ')}) AS place FROM ${target.table} AS t) AS n
  WHERE place > 1 AND place % @rows = 1 % @rows) AS d
ORDER BY ${names.map((name) => `d.${name}`).join(', ')}`,
      target.snapshot,
    ),
    params: { rows: t.bigint(rows) },
    cells: selected.map((s) => s.cell),
  };
}

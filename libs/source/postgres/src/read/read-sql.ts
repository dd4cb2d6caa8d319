import { type KeyRange, type TableMapping } from '@elstream/core';
import { quoteLiteral, quoteName, rowOf } from '@elstream/database';
import { type KeyColumn, type ReadTarget } from './read-target';

/**
 * The columns as they are: COPY prints each type's own output, which is the canonical text. A cast to text would not
 * do: `char(n)` loses its blanks, `boolean` becomes `true`. A column masked to NULL never leaves the server.
 */
export function selectList(mapping: TableMapping): string {
  return mapping.columns.map((c) => (c.mask?.kind === 'null' ? 'NULL::text' : `t.${quoteName(c.source)}`)).join(', ');
}

/** @param alias the table's */
export const columnOf = (key: KeyColumn, alias = 't'): string => (key.comparedAs === null ? `${alias}.${key.name}` : `${alias}.${key.name}::${key.comparedAs}`);
export const operator = (key: KeyColumn, symbol: string): string => (key.operators === 'pg_catalog' ? symbol : `OPERATOR(${quoteName(key.operators)}.${symbol})`);

/** `key <symbol> values` in key order. A row comparison can use a composite index, so it is used where operators allow. */
export function compareKey(target: ReadTarget, symbol: '>' | '>=' | '<', values: readonly string[]): string {
  const { key } = target;
  if (key.every((k) => k.operators === 'pg_catalog')) {
    const comparison = `${rowOf(key.map((k) => columnOf(k)))} ${symbol} ${rowOf(values)}`;
    const [first] = key;
    // The planner guesses row comparisons badly without statistics; the leading column alone it pairs up to a range.
    return key.length > 1 && first !== undefined ? `${columnOf(first)} ${symbol === '<' ? '<=' : '>='} ${values[0] ?? ''} AND ${comparison}` : comparison;
  }
  const strict = symbol === '<' ? '<' : '>';
  const cases = key.map((k, place) => {
    const equal = key.slice(0, place).map((before, i) => `${columnOf(before)} ${operator(before, '=')} ${values[i] ?? ''}`);
    const last = place === key.length - 1 ? symbol : strict;
    return [...equal, `${columnOf(k)} ${operator(k, last)} ${values[place] ?? ''}`].join(' AND ');
  });
  return `(${cases.join(' OR ')})`;
}

/** COPY takes no parameters: key cells become quoted literals of the column's type. */
function literals(target: ReadTarget, cells: readonly string[]): string[] {
  if (cells.length !== target.key.length) throw new RangeError(`a key of ${target.key.length} columns was given ${cells.length} cells`);
  return target.key.map((k, i) => `${quoteLiteral(cells[i] ?? '')}::${k.type}`);
}

export function rangeCondition(target: ReadTarget, range: KeyRange): string {
  const parts = [
    ...(range.from === null ? [] : [compareKey(target, '>=', literals(target, range.from))]),
    ...(range.to === null ? [] : [compareKey(target, '<', literals(target, range.to))]),
  ];
  return parts.length === 0 ? '' : ` WHERE ${parts.join(' AND ')}`;
}

export function copyRange(mapping: TableMapping, target: ReadTarget, range: KeyRange): string {
  return `COPY (SELECT ${selectList(mapping)} FROM ${target.from}${rangeCondition(target, range)}) TO STDOUT`;
}

/** What follows FROM for rows of these keys. A join, not IN: the operators can be named, and the planner can walk the key's index from the short list. */
export function wantedKeys(target: ReadTarget, keys: readonly (readonly string[])[]): string {
  const names = target.key.map((_, i) => `k${i}`);
  const values = keys.map((cells) => `(${literals(target, cells).join(', ')})`).join(', ');
  const on = target.key.map((k, i) => `${columnOf(k)} ${operator(k, '=')} wanted.k${i}`).join(' AND ');
  return `${target.from} JOIN (VALUES ${values}) AS wanted (${names.join(', ')}) ON ${on}`;
}

export function copyKeys(mapping: TableMapping, target: ReadTarget, keys: readonly (readonly string[])[]): string {
  return `COPY (SELECT ${selectList(mapping)} FROM ${wantedKeys(target, keys)}) TO STDOUT`;
}

export const orderColumns = (target: ReadTarget): string => target.key.map((k) => columnOf(k)).join(', ');

/** The key `rows` places after `after` (null: after the start). `$1 …` are the cells of `after`. */
export function nextBound(target: ReadTarget, after: readonly string[] | null, rows: number): string {
  const columns = orderColumns(target);
  const where = after === null ? '' : ` WHERE ${compareKey(target, '>', target.key.map((k, i) => `$${i + 1}::${k.type}`))}`;
  return `SELECT ${columns} FROM ${target.from}${where} ORDER BY ${columns} OFFSET ${after === null ? rows : rows - 1} LIMIT 1`;
}

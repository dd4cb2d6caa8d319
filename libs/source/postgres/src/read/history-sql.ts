import { historyTable, type TableMapping } from '@elstream/core';
import { quoteName } from '@elstream/database';
import { copiedHistory, type HistoryRows } from '@elstream/source';
import { columnOf, operator, orderColumns, rangeCondition, selectList, wantedKeys } from './read-sql';
import { type ReadTarget } from './read-target';

/**
 * Versions and, as their last cell, whether a delete ended them: nothing of the same key begins where they end, neither
 * another version nor the row that stands. A version of no length (several updates in one transaction) begins where it
 * ends, so it is not asked about itself.
 * @param versions the history table; `rows` the table itself
 */
export function copyHistory(mapping: TableMapping, { versions, rows }: { readonly versions: ReadTarget; readonly rows: ReadTarget }, of: HistoryRows): string {
  const table = historyTable(mapping);
  const { period } = copiedHistory(mapping);
  const [begin, end] = [period.from, period.to].map((index) => quoteName(mapping.columns[index]?.source ?? ''));
  const follows = (target: ReadTarget, alias: string, further = ''): string => {
    const sameKey = target.key.map((key, i) => `${columnOf(key, alias)} ${operator(key, '=')} ${columnOf(versions.key[i] ?? key)}`);
    return `EXISTS (SELECT FROM ${target.table} AS ${alias} WHERE ${[...sameKey, `${alias}.${begin ?? ''} = t.${end ?? ''}`].join(' AND ')}${further})`;
  };
  const later = follows(versions, 'later', ' AND (later.tableoid, later.ctid) IS DISTINCT FROM (t.tableoid, t.ctid)');
  const standing = follows(rows, 'standing');
  const from = 'range' in of ? `${versions.from}${rangeCondition(versions, of.range)}` : wantedKeys(versions, of.keys);
  return `COPY (SELECT ${selectList(table)}, NOT ${later} AND NOT ${standing} FROM ${from}) TO STDOUT`;
}

/** Every `rows`-th key in one sort, each once: for a history table without an index along its key. */
export function everyBound(target: ReadTarget, rows: number): string {
  const columns = orderColumns(target);
  const names = target.key.map((_, i) => `k${i}`).join(', ');
  return `COPY (SELECT DISTINCT ON (${names}) ${names} FROM (SELECT ${columns}, row_number() OVER (ORDER BY ${columns}) FROM ${target.from}) AS b (${names}, place)
    WHERE place > 1 AND place % ${rows} = 1 % ${rows} ORDER BY ${names}) TO STDOUT`;
}

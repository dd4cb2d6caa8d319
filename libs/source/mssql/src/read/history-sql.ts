import { type TableMapping } from '@elstream/core';
import { bracket, t, type MssqlParams } from '@elstream/database';
import { copiedHistory, type HistoryRows } from '@elstream/source';
import { listOf, rangeCondition, wantedKeys } from './read-sql';
import { type ReadTarget } from './read-target';
import { isolated, selectedCells, type Statement } from './statement';

/**
 * Versions and, as their last cell, whether a delete ended them: nothing of the same key begins where they end, neither
 * another version nor the row that stands. A version of no length (several updates in one transaction) begins where it
 * ends, so it does not count for itself: rows have no name by which they could be told from themselves.
 * @param versions the history table; `rows` the table itself
 */
export function selectHistory(mapping: TableMapping, { versions, rows }: { readonly versions: ReadTarget; readonly rows: ReadTarget }, of: HistoryRows): Statement {
  const { period } = copiedHistory(mapping);
  const [begin, end] = [period.from, period.to].map((index) => bracket(mapping.columns[index]?.source ?? ''));
  const follows = (target: ReadTarget, alias: string): string => {
    const sameKey = target.key.map((key, i) => `${alias}.${key.name} = t.${versions.key[i]?.name ?? key.name}`);
    return `FROM ${target.table} AS ${alias} WHERE ${[...sameKey, `${alias}.${begin ?? ''} = t.${end ?? ''}`].join(' AND ')}`;
  };
  const others = `(SELECT COUNT_BIG(*) ${follows(versions, 'later')}) > CASE WHEN t.${begin ?? ''} = t.${end ?? ''} THEN 1 ELSE 0 END`;
  const deleted = { sql: `CONVERT(bit, CASE WHEN ${others} OR EXISTS (SELECT 1 ${follows(rows, 'standing')}) THEN 0 ELSE 1 END)`, cell: (value: unknown): string => (value === true || value === 1 ? 't' : 'f') };
  const selected = [...selectedCells(versions.columns), deleted];
  const { from, params, before } = versionsOf(versions, of);
  return { sql: isolated(`SELECT ${listOf(selected)} FROM ${from}`, versions.snapshot, before), params, cells: selected.map((s) => s.cell) };
}

function versionsOf(versions: ReadTarget, of: HistoryRows): { readonly from: string; readonly params: MssqlParams; readonly before?: string } {
  if ('keys' in of) {
    const { declare, join, params } = wantedKeys(versions, of.keys);
    return { from: join, params, before: declare };
  }
  const { where, params } = rangeCondition(versions, of.range);
  return { from: `${versions.table} AS t${where}`, params };
}

/** Whether an index of a table begins with the columns of a key, in its order; `@schema`, `@name`, `@key` (JSON of names). */
export const HAS_KEY_INDEX = `
SELECT CONVERT(bit, CASE WHEN EXISTS (
  SELECT 1
  FROM OPENJSON(@key) AS j
    JOIN sys.tables AS o ON o.name = @name AND o.schema_id = SCHEMA_ID(@schema)
    JOIN sys.indexes AS i ON i.object_id = o.object_id AND i.type IN (1, 2) AND i.is_disabled = 0 AND i.has_filter = 0
    JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id AND k.key_ordinal = CONVERT(int, j.[key]) + 1 AND k.is_descending_key = 0
    JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id AND c.name = j.value COLLATE DATABASE_DEFAULT
  GROUP BY i.index_id
  HAVING COUNT(*) = (SELECT COUNT(*) FROM OPENJSON(@key))
) THEN 1 ELSE 0 END) AS indexed`;

export function hasKeyIndexParams(mapping: TableMapping): MssqlParams {
  const names = mapping.key.map((index) => mapping.columns[index]?.source ?? '');
  return { schema: t.nvarchar(mapping.source.schema, 128), name: t.nvarchar(mapping.source.name, 128), key: t.json(names) };
}

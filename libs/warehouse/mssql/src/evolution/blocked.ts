import { ElstreamError } from '@elstream/core';
import { t, type TSql } from '@elstream/database';

export interface Doing {
  /** What cannot be done, as the beginning of a sentence. */
  readonly doing: string;
  readonly table: string;
  readonly remedy: string;
}

export function blocked(code: string, what: Doing, why: string): ElstreamError {
  return new ElstreamError(code, 'refuse', `${what.doing}: ${why}; ${what.remedy}`, { place: { table: what.table } });
}

/**
 * What the server refuses to alter or drop becomes a refusal that says why; its texts name objects, and those that name
 * values do not get here. Passing faults go on as they are.
 */
export async function orBlocked<T>(code: string, what: Doing, fn: () => Promise<T>): Promise<T> {
  try {
    return await fn();
  } catch (error) {
    if (!(error instanceof ElstreamError) || !(isMisfit(error) || /^DB_(?:\d+|PRIVILEGE)$/.test(error.code))) throw error;
    throw blocked(code, what, error.message);
  }
}

/** A value does not fit the new type, or the types know no conversion. */
export function isMisfit(error: unknown): boolean {
  return error instanceof ElstreamError && (error.recovery === 'park' || /^DB_(?:206|257|529|4922|5074)$/.test(error.code));
}

/**
 * What hangs on columns (`@columns`, JSON of names) of a table (`@id`) and keeps their type from being changed. Its primary
 * key is made again. Statistics that somebody made the server names itself.
 */
export const BLOCKERS_SQL = `WITH named AS (SELECT c.object_id, c.column_id, c.[name] FROM sys.columns AS c JOIN OPENJSON(@columns) AS j ON j.[value] COLLATE DATABASE_DEFAULT = c.[name] COLLATE DATABASE_DEFAULT WHERE c.object_id = @id)
SELECT DISTINCT CONCAT(N'index ', i.[name], N' on ', n.[name]) AS what FROM named AS n JOIN sys.index_columns AS x ON x.object_id = n.object_id AND x.column_id = n.column_id JOIN sys.indexes AS i ON i.object_id = x.object_id AND i.index_id = x.index_id
 WHERE i.is_primary_key = 0
UNION SELECT CONCAT(N'default ', d.[name], N' of ', n.[name]) FROM named AS n JOIN sys.default_constraints AS d ON d.parent_object_id = n.object_id AND d.parent_column_id = n.column_id
UNION SELECT CONCAT(N'object ', OBJECT_SCHEMA_NAME(d.referencing_id), N'.', OBJECT_NAME(d.referencing_id), N', which is bound to ', n.[name]) FROM named AS n JOIN sys.sql_expression_dependencies AS d ON d.referenced_id = n.object_id AND d.referenced_minor_id = n.column_id WHERE d.is_schema_bound_reference = 1;`;

/** `own`: how names of indexes begin that are ours, and are made again. */
export async function readBlockers(sql: TSql, id: number, columns: readonly string[], own: readonly string[]): Promise<string[]> {
  if (columns.length === 0) return [];
  const found = await sql.rows<{ what: string }>(BLOCKERS_SQL, { id: t.int(id), columns: t.json(columns) });
  return found.flatMap(({ what }) => (own.some((name) => what.startsWith(`index ${name}`)) ? [] : [what]));
}

/** Views and functions that use a table (`@name`, quoted), and views of these, in an order in which they can be refreshed. */
export const DEPENDENTS_SQL = `WITH dependent (id, depth) AS (
  SELECT d.referencing_id, 1 FROM sys.sql_expression_dependencies AS d WHERE d.referenced_id = OBJECT_ID(@name)
  UNION ALL SELECT d.referencing_id, p.depth + 1 FROM dependent AS p JOIN sys.sql_expression_dependencies AS d ON d.referenced_id = p.id AND d.referencing_id <> p.id WHERE p.depth < 30)
SELECT OBJECT_SCHEMA_NAME(o.object_id) AS [schema], o.[name] AS [name], RTRIM(o.[type]) AS kind FROM sys.objects AS o JOIN (SELECT p.id, MAX(p.depth) AS depth FROM dependent AS p GROUP BY p.id) AS x ON x.id = o.object_id
 WHERE o.[type] IN ('V', 'IF', 'TF', 'FN', 'P') ORDER BY x.depth, o.object_id;`;

export interface Dependent {
  readonly schema: string;
  readonly name: string;
  readonly kind: string;
}

export async function readDependents(sql: TSql, tableSql: string): Promise<Dependent[]> {
  return sql.rows<Dependent & Record<string, unknown>>(DEPENDENTS_SQL, { name: t.nvarchar(tableSql, 600) });
}

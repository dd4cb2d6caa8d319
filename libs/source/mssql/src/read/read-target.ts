import { ElstreamError, type TableMapping } from '@elstream/core';
import { bracket, bracketTable, t, type MssqlColumn, type TSql } from '@elstream/database';
import { BASE_TYPE, describeType, type CatalogType } from '../catalog/column-type';

export interface TargetColumn extends MssqlColumn {
  /** In brackets. */
  readonly name: string;
  /** Masked to NULL: its values never leave the server. */
  readonly hidden: boolean;
}

/** What a statement needs to know of the table as it is now. */
export interface ReadTarget {
  /** Its quoted name. */
  readonly table: string;
  /** In mapping order. */
  readonly columns: readonly TargetColumn[];
  /** In key order; `native` has the column's collation with it, so that values are compared as its index sorts them. */
  readonly key: readonly TargetColumn[];
  /** The database allows snapshot isolation, so that a read is of one moment and waits for nobody's locks. */
  readonly snapshot: boolean;
}

interface TargetRow extends CatalogType {
  readonly name: string;
  readonly collation: string | null;
  readonly snapshot: boolean;
}

/** The columns of a table and whether the database keeps row versions; `@schema`, `@name`. */
export const READ_TARGET = `
SELECT c.name AS name, ${BASE_TYPE} AS base, CONVERT(int, c.max_length) AS maxLength, CONVERT(int, c.[precision]) AS [precision], CONVERT(int, c.scale) AS scale,
  c.collation_name AS collation, CONVERT(bit, CASE WHEN d.snapshot_isolation_state = 1 THEN 1 ELSE 0 END) AS snapshot
FROM sys.tables AS o
  JOIN sys.schemas AS s ON s.schema_id = o.schema_id
  JOIN sys.columns AS c ON c.object_id = o.object_id
  JOIN sys.types AS u ON u.user_type_id = c.user_type_id
  LEFT JOIN sys.types AS b ON b.user_type_id = c.system_type_id
  CROSS JOIN sys.databases AS d
WHERE s.name = @schema AND o.name = @name AND d.database_id = DB_ID()`;

/**
 * Asked before each read rather than remembered: one short catalog query, and a changed key type is never compared by the
 * old one. Throws TABLE_NOT_FOUND, COLUMN_NOT_FOUND (stop), KEY_MASKED (refuse).
 */
export async function lookUpTarget(sql: TSql, mapping: TableMapping): Promise<ReadTarget> {
  const { schema, name } = mapping.source;
  return readTarget(mapping, await sql.rows<TargetRow>(READ_TARGET, { schema: t.nvarchar(schema, 128), name: t.nvarchar(name, 128) }));
}

/** Pure. @param rows of READ_TARGET */
export function readTarget(mapping: TableMapping, rows: readonly TargetRow[]): ReadTarget {
  const place = { table: mapping.id };
  const [first] = rows;
  if (first === undefined) throw new ElstreamError('TABLE_NOT_FOUND', 'stop', `table ${mapping.id} is no longer in the source, or the login may not see it any more; take it out of the pipeline, or grant SELECT on it`, { place });
  const columns = mapping.columns.map(({ source, type, mask }) => {
    const row = rows.find((r) => r.name === source);
    if (row === undefined) throw new ElstreamError('COLUMN_NOT_FOUND', 'stop', `column ${mapping.id}.${source} is no longer in the source; plan the pipeline again`, { place });
    return { column: { name: bracket(source), type, native: describeType(row).native, hidden: mask?.kind === 'null' }, row, mask };
  });
  const key = mapping.key.map((index) => {
    const found = columns[index];
    // A masked key could neither be compared at the source nor kept in a task without its clear value.
    if (found === undefined || found.mask !== null) {
      throw new ElstreamError('KEY_MASKED', 'refuse', `key column ${mapping.columns[index]?.source ?? String(index)} cannot be masked; take the mask off or choose another key`, { place });
    }
    const { collation } = found.row;
    return collation === null ? found.column : { ...found.column, native: `${found.column.native} COLLATE ${collation}` };
  });
  return { table: bracketTable(mapping.source), columns: columns.map((c) => c.column), key, snapshot: first.snapshot };
}

import { ElstreamError, type TableMapping } from '@elstream/core';
import { quoteName, quoteTable, type Sql } from '@elstream/database';
import { resolvedTypes } from '../catalog/columns';

export interface KeyColumn {
  /** Quoted. */
  readonly name: string;
  /** Type the column is cast to in comparisons, where its own has no operators: the enum of a domain over one. */
  readonly comparedAs: string | null;
  /** The column's exact type; literals are cast to it, so that comparison is the column's own. */
  readonly type: string;
  /** Schema of the operators its index sorts by; another than pg_catalog for types of extensions (citext). */
  readonly operators: string;
}

/** What a statement needs to know of the table as it is now. */
export interface ReadTarget {
  /** Its name in SQL, without alias. */
  readonly table: string;
  /** The same under the alias `t`. */
  readonly from: string;
  readonly key: readonly KeyColumn[];
  /** The database's own encoding is UTF-8. */
  readonly utf8: boolean;
}

/**
 * Asked before each read rather than remembered: one short catalog query, and a changed key type is never compared by
 * the old one. Throws TABLE_NOT_FOUND, COLUMN_NOT_FOUND (stop), KEY_MASKED (refuse).
 */
export async function lookUpTarget(sql: Sql, mapping: TableMapping): Promise<ReadTarget> {
  const place = { table: mapping.id };
  const names = mapping.key.map((index) => {
    const column = mapping.columns[index];
    // A masked key could neither be compared at the source nor kept in a task without its clear value.
    if (column === undefined || column.mask !== null) {
      throw new ElstreamError('KEY_MASKED', 'refuse', `key column ${column?.source ?? index} cannot be masked; take the mask off or choose another key`, { place });
    }
    return column.source;
  });
  const rows = await sql.query<{ relkind: string; name: string | null; type: string; comparedAs: string | null; operators: string; utf8: boolean }>(TARGET, [mapping.source.schema, mapping.source.name, names]);
  const [found] = rows;
  if (found === undefined) {
    throw new ElstreamError('TABLE_NOT_FOUND', 'stop', `table ${mapping.id} is no longer in the source; take it out of the pipeline`, { place });
  }
  const key = names.map((name) => {
    const row = rows.find((r) => r.name === name);
    if (row === undefined) {
      throw new ElstreamError('COLUMN_NOT_FOUND', 'stop', `key column ${name} of table ${mapping.id} is no longer in the source; plan the pipeline again`, { place });
    }
    return { name: quoteName(name), comparedAs: row.comparedAs, type: row.comparedAs ?? row.type, operators: row.operators };
  });
  // ONLY: rows of inheritance children are not this table's; a partitioned table has no rows of its own.
  const table = `${found.relkind === 'p' ? '' : 'ONLY '}${quoteTable(mapping.source)}`;
  return { table, from: `${table} AS t`, key, utf8: found.utf8 };
}

/** ORDER BY sorts by the type's default btree operators wherever they live; a bare `<` means those on the search path. */
const TARGET = `
  WITH RECURSIVE
  found AS (SELECT c.oid, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2),
  ${resolvedTypes('ARRAY(SELECT oid FROM found)')}
  SELECT f.relkind::text AS relkind, current_setting('server_encoding') = 'UTF8' AS utf8, a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type,
    CASE WHEN a.atttypid <> r.typ AND NOT r.is_array AND r.typtype = 'e' THEN format_type(r.typ, NULL) END AS "comparedAs",
    coalesce(CASE WHEN NOT r.is_array AND r.typtype = 'b' AND r.typschema <> 'pg_catalog' THEN (
      SELECT n.nspname::text FROM pg_opclass c JOIN pg_am m ON m.oid = c.opcmethod AND m.amname = 'btree'
        JOIN pg_amop o ON o.amopfamily = c.opcfamily AND o.amoplefttype = c.opcintype AND o.amoprighttype = c.opcintype AND o.amopstrategy = 1
        JOIN pg_operator p ON p.oid = o.amopopr JOIN pg_namespace n ON n.oid = p.oprnamespace
      WHERE c.opcdefault AND c.opcintype = r.typ) END, 'pg_catalog') AS operators
  FROM found f LEFT JOIN (pg_attribute a JOIN resolved r ON r.attrelid = a.attrelid AND r.attnum = a.attnum)
    ON a.attrelid = f.oid AND a.attname = ANY ($3::text[])`;

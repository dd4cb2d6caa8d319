import { type Sql } from '@elstream/database';
import { type ResolvedType } from './column-type';
import { groupBy } from './relations';

export interface CatalogColumn {
  readonly relation: string;
  readonly name: string;
  /** The source's spelling, schema-qualified where it is not of pg_catalog. */
  readonly native: string;
  readonly notNull: boolean;
  /** '' none, s stored, v virtual */
  readonly generated: string;
  readonly readable: boolean;
  readonly resolved: ResolvedType;
}

/**
 * One row per column with its domain chain walked down, and one step into an array. A domain's own modifier holds
 * (`CREATE DOMAIN d AS numeric(10,2)`); a domain column never has one itself. Goes after WITH RECURSIVE.
 * @param oids SQL of the relations' oid[]
 */
export const resolvedTypes = (oids: string): string => `
  resolving AS (
    SELECT a.attrelid, a.attnum, a.atttypid AS typ, a.atttypmod AS typmod, false AS is_array
    FROM pg_attribute a WHERE a.attrelid = ANY (${oids}) AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT r.attrelid, r.attnum, CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE e.oid END,
      CASE WHEN t.typtype = 'd' AND t.typtypmod >= 0 THEN t.typtypmod ELSE r.typmod END, r.is_array OR t.typtype <> 'd'
    FROM resolving r JOIN pg_type t ON t.oid = r.typ LEFT JOIN pg_type e ON e.oid = t.typelem AND e.typarray = t.oid
    WHERE t.typtype = 'd' OR (e.oid IS NOT NULL AND NOT r.is_array)
  ),
  resolved AS (
    SELECT r.attrelid, r.attnum, t.oid AS typ, r.typmod, r.is_array, e.oid IS NOT NULL AS nested, t.typtype::text AS typtype,
      t.typname::text AS typname, n.nspname::text AS typschema
    FROM resolving r JOIN pg_type t ON t.oid = r.typ JOIN pg_namespace n ON n.oid = t.typnamespace
      LEFT JOIN pg_type e ON e.oid = t.typelem AND e.typarray = t.oid
    WHERE t.typtype <> 'd' AND (e.oid IS NULL OR r.is_array)
  )`;

interface ColumnRow extends Omit<CatalogColumn, 'resolved'> {
  readonly typschema: string;
  readonly typname: string;
  readonly typtype: string;
  readonly typmod: number;
  readonly is_array: boolean;
  readonly nested: boolean;
}

/** Columns by relation, in the table's order; dropped ones are not there. */
export async function listColumns(sql: Sql, relations: readonly string[]): Promise<Map<string, CatalogColumn[]>> {
  // A NOT NULL constraint that is NOT VALID (PostgreSQL 18) leaves old NULLs in place.
  const rows = await sql.query<ColumnRow>(
    `WITH RECURSIVE ${resolvedTypes('$1::oid[]')}
     SELECT a.attrelid::text AS relation, a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS native,
       a.attnotnull AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conrelid = a.attrelid AND c.contype = 'n'
         AND NOT c.convalidated AND a.attnum = ANY (c.conkey)) AS "notNull",
       a.attgenerated::text AS generated, has_column_privilege(a.attrelid, a.attnum, 'SELECT') AS readable,
       r.typschema, r.typname, r.typtype, r.typmod, r.is_array, r.nested
     FROM pg_attribute a JOIN resolved r ON r.attrelid = a.attrelid AND r.attnum = a.attnum
     ORDER BY a.attrelid, a.attnum`,
    [relations],
  );
  return groupBy(rows.map(toColumn), (column) => column.relation);
}

function toColumn(row: ColumnRow): CatalogColumn {
  const { relation, name, native, notNull, generated, readable } = row;
  const resolved = { schema: row.typschema, name: row.typname, typtype: row.typtype, typmod: row.typmod, array: row.is_array, nested: row.nested };
  return { relation, name, native, notNull, generated, readable, resolved };
}

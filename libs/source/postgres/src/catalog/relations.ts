import { type TableName } from '@elstream/core';
import { type Sql } from '@elstream/database';

/** One row of pg_class that has rows or looks as if it had. */
export interface Relation extends TableName {
  readonly oid: string;
  /** r table, p partitioned table, f foreign table, v view, m materialized view */
  readonly relkind: string;
  /** p permanent, u unlogged, t temporary */
  readonly relpersistence: string;
  /** d default, i index, f full, n nothing */
  readonly relreplident: string;
  readonly reltuples: number;
  /** Inheritance child, partitions not meant. */
  readonly inherits: boolean;
  /** A partition's parents up to its root. */
  readonly ancestors: readonly string[];
  readonly rowsHidden: boolean;
  readonly schemaUsable: boolean;
  readonly owned: boolean;
  readonly owner: string;
}

export interface UniqueIndex {
  readonly relation: string;
  readonly primary: boolean;
  readonly replicaIdentity: boolean;
  /** False: DEFERRABLE, which no replica identity may be. */
  readonly immediate: boolean;
  /** Key columns in index order, INCLUDE columns left out. */
  readonly columns: readonly string[];
}

const RELATION = `
  c.oid::text AS oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS relkind,
  c.relpersistence::text AS relpersistence, c.relreplident::text AS relreplident, c.reltuples::float8 AS reltuples,
  NOT c.relispartition AND EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid) AS inherits,
  CASE WHEN c.relispartition
    THEN (SELECT coalesce(json_agg(p.relid::oid::text), '[]') FROM pg_partition_ancestors(c.oid) p WHERE p.relid <> c.oid)
    ELSE '[]' END AS ancestors,
  row_security_active(c.oid) AS "rowsHidden", has_schema_privilege(n.oid, 'USAGE') AS "schemaUsable",
  pg_has_role(c.relowner, 'USAGE') AS owned, pg_get_userbyid(c.relowner)::text AS owner`;

/** Every relation outside the system's schemas and our own; temporary ones too, to be refused by name. */
export async function listRelations(sql: Sql): Promise<Relation[]> {
  return sql.query<Relation>(`
    SELECT ${RELATION} FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm')
      AND (c.relpersistence = 't' OR (n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'elstream')))
    ORDER BY n.nspname, c.relname`);
}

/** Leaves of partitioned tables, by the root's oid. */
export async function listLeaves(sql: Sql, roots: readonly string[]): Promise<Map<string, Relation[]>> {
  const rows = await sql.query<Relation & { root: string }>(
    `SELECT r.root::text AS root, ${RELATION}
     FROM unnest($1::oid[]) r(root) CROSS JOIN LATERAL pg_partition_tree(r.root) p
       JOIN pg_class c ON c.oid = p.relid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE p.isleaf AND p.relid <> r.root ORDER BY n.nspname, c.relname`,
    [roots],
  );
  return groupBy(rows, (row) => row.root);
}

/** Usable unique indexes (valid, not partial, no expressions) by relation, the primary key first. */
export async function listUniqueIndexes(sql: Sql, relations: readonly string[]): Promise<Map<string, UniqueIndex[]>> {
  const rows = await sql.query<UniqueIndex>(
    `SELECT i.indrelid::text AS relation, i.indisprimary AS "primary", i.indisreplident AS "replicaIdentity", i.indimmediate AS immediate,
       (SELECT json_agg(a.attname ORDER BY k.place) FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, place)
          JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum WHERE k.place <= i.indnkeyatts) AS columns
     FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
     WHERE i.indrelid = ANY ($1::oid[]) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
     ORDER BY i.indisprimary DESC, i.indnkeyatts, x.relname`,
    [relations],
  );
  return groupBy(rows, (row) => row.relation);
}

export function groupBy<T>(rows: readonly T[], keyOf: (row: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const group = groups.get(keyOf(row));
    if (group === undefined) groups.set(keyOf(row), [row]);
    else group.push(row);
  }
  return groups;
}

import { ElstreamError, tableId, type TableMapping } from '@elstream/core';
import { type Sql } from '@elstream/database';

/** One physical table (a partition stands for itself): what a published UPDATE or DELETE will need. */
export interface IdentityRow {
  readonly schema: string;
  readonly name: string;
  /** pg_class.relkind, relpersistence, relreplident */
  readonly kind: string;
  readonly persistence: string;
  readonly identity: string;
  /** Columns of the index that serves as identity; null: there is none. */
  readonly columns: readonly string[] | null;
}

/** The table itself, or all partitions at the bottom of a partitioned one. */
export async function readIdentities(sql: Sql, mapping: TableMapping): Promise<IdentityRow[]> {
  return sql.query<{ [K in keyof IdentityRow]: IdentityRow[K] }>(
    `SELECT n.nspname AS schema, c.relname AS name, c.relkind AS kind, c.relpersistence AS persistence, c.relreplident AS identity,
            (SELECT array_agg(a.attname::text) FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
              WHERE i.indrelid = c.oid AND i.indisvalid AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident END) AS columns
       FROM pg_class root JOIN pg_namespace rn ON rn.oid = root.relnamespace
      CROSS JOIN LATERAL (SELECT root.oid WHERE root.relkind <> 'p'
                    UNION ALL SELECT t.relid::oid FROM pg_partition_tree(root.oid) t WHERE root.relkind = 'p' AND t.isleaf) AS leaf (oid)
       JOIN pg_class c ON c.oid = leaf.oid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE rn.nspname = $1 AND root.relname = $2`,
    [mapping.source.schema, mapping.source.name],
  );
}

/** What is wrong with a table's identity and what to do; null: nothing. A published table without one breaks the application's own updates (R14). */
export function identityProblem(mapping: TableMapping, row: IdentityRow): string | null {
  const id = tableId(row);
  if (row.kind !== 'r' && row.kind !== 'p') return `${id} is no ordinary table and cannot be replicated; exclude it`;
  if (row.persistence !== 'p') return `${id} is unlogged or temporary, its changes are not in the log; ALTER TABLE … SET LOGGED or exclude it`;
  if (row.identity === 'f') return null;
  if (row.identity === 'n') return `${id} has REPLICA IDENTITY NOTHING; ALTER TABLE … REPLICA IDENTITY DEFAULT (with a primary key), USING INDEX, or FULL`;
  if (row.columns === null) {
    const missing = row.identity === 'd' ? 'has no primary key' : 'has lost the index that was its replica identity';
    return `${id} ${missing}; add a primary key, or ALTER TABLE … REPLICA IDENTITY USING INDEX (unique, not null) or FULL`;
  }
  const outside = mapping.key.map((index) => mapping.columns[index]?.source ?? '?').filter((column) => row.columns?.includes(column) !== true);
  if (outside.length === 0) return null;
  return `${id} is identified in the log by (${row.columns.join(', ')}), which lacks key column ${outside.join(', ')}; choose another key or ALTER TABLE … REPLICA IDENTITY FULL`;
}

/** @throws ElstreamError REPLICA_IDENTITY (refuse) for the first table that must not enter the publication */
export async function requireIdentity(sql: Sql, mapping: TableMapping): Promise<void> {
  const rows = await readIdentities(sql, mapping);
  for (const row of rows) {
    const problem = identityProblem(mapping, row);
    if (problem !== null) throw new ElstreamError('REPLICA_IDENTITY', 'refuse', problem, { place: { table: mapping.id } });
  }
}

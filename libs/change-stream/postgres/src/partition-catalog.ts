import { tableId } from '@elstream/core';
import { onDatabase } from '@elstream/database';
import { type DataSource } from 'typeorm';
import { type PartitionCatalog } from './relation-router';

/** Partitions as the source's catalog holds them now; the log may tell of an older state. */
export function partitionCatalog(dataSource: DataSource): PartitionCatalog {
  return {
    rootOf: (oid) =>
      onDatabase(dataSource, async (sql) => {
        const rows = await sql.query<{ schema: string; name: string }>(
          `SELECT n.nspname AS schema, r.relname AS name
             FROM pg_class c JOIN pg_class r ON r.oid = pg_partition_root(c.oid) JOIN pg_namespace n ON n.oid = r.relnamespace
            WHERE c.oid = $1::int8::oid AND c.relispartition`,
          [oid],
        );
        return rows[0] === undefined ? null : tableId(rows[0]);
      }),
    columnsOf: (oid) =>
      onDatabase(dataSource, (sql) =>
        sql.query<{ name: string; typeOid: number; typmod: number; identity: boolean }>(
          `SELECT attname AS name, atttypid::int8::float8 AS "typeOid", atttypmod AS typmod, false AS identity
             FROM pg_attribute WHERE attrelid = $1::int8::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
          [oid],
        ),
      ),
    leavesOf: (root) =>
      onDatabase(dataSource, async (sql) => {
        // By id, not by name: ids are what the router knows, and few tables are partitioned.
        const roots = await sql.query<{ schema: string; name: string; leaves: string[] }>(
          `SELECT n.nspname AS schema, r.relname AS name,
                  ARRAY(SELECT t.relid::oid::text FROM pg_partition_tree(r.oid) t WHERE t.isleaf) AS leaves
             FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace
            WHERE r.relkind = 'p' AND NOT r.relispartition`,
        );
        return new Set(roots.find((row) => tableId(row) === root)?.leaves.map(Number) ?? []);
      }),
  };
}

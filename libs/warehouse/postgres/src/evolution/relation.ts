import type { TableName } from '@elstream/core';
import { quoteName, type Sql } from '@elstream/database';
import { columnDefinition, type EntityColumn } from '../target';

/** A column as the catalog has it. */
export interface StandingColumn {
  readonly name: string;
  readonly attnum: number;
  /** As `format_type` spells it. */
  readonly type: string;
  /** Quoted, where it is not the type's own. */
  readonly collation: string | null;
  readonly notNull: boolean;
  /** The server gives it a value where an INSERT gives none: default, identity or generated. */
  readonly filled: boolean;
}

/** A table that stands. */
export interface Relation {
  readonly oid: string;
  readonly sql: string;
  readonly columns: readonly StandingColumn[];
}

/** Null: there is no such table. */
export async function readRelation(sql: Sql, table: TableName): Promise<Relation | null> {
  const [found] = await sql.query<{ oid: string }>(`SELECT c.oid::text AS oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')`, [table.schema, table.name]);
  if (found === undefined) return null;
  return { oid: found.oid, sql: `${quoteName(table.schema)}.${quoteName(table.name)}`, columns: await readColumns(sql, found.oid) };
}

async function readColumns(sql: Sql, oid: string): Promise<StandingColumn[]> {
  return sql.query<StandingColumn & Record<string, unknown>>(
    `SELECT a.attname::text AS name, a.attnum::int AS attnum, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS "notNull",
            a.atthasdef OR a.attidentity <> '' AS filled,
            CASE WHEN a.attcollation <> t.typcollation THEN (SELECT quote_ident(cn.nspname) || '.' || quote_ident(co.collname) FROM pg_collation co JOIN pg_namespace cn ON cn.oid = co.collnamespace WHERE co.oid = a.attcollation) END AS collation
       FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
      WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    [oid],
  );
}

/** A column as a mapping wants it, in the server's own spelling. */
export interface WantedColumn {
  readonly name: string;
  readonly type: string;
  /** Quoted, where it is not the type's own. */
  readonly collation: string | null;
  /** The type takes a COLLATE clause. */
  readonly collatable: boolean;
  /** For ADD COLUMN. */
  readonly definition: string;
  readonly isKey: boolean;
}

/** Lets the server spell our types: they are made once as columns of a temporary table, so that nothing here parses them. */
export async function readWanted(sql: Sql, columns: readonly EntityColumn[]): Promise<WantedColumn[]> {
  await sql.query('DROP TABLE IF EXISTS pg_temp.elstream_wanted');
  await sql.query(`CREATE TEMPORARY TABLE elstream_wanted (${columns.map((c, i) => columnDefinition(c, `c${i}`)).join(', ')}) ON COMMIT DROP`);
  const [probe] = await sql.query<{ oid: string }>(`SELECT 'pg_temp.elstream_wanted'::regclass::oid::text AS oid`);
  const spelled = await readColumns(sql, probe?.oid ?? '0');
  const collatable = await sql.query<{ ok: boolean }>('SELECT attcollation <> 0 AS ok FROM pg_attribute WHERE attrelid = $1::oid AND attnum > 0 ORDER BY attnum', [probe?.oid ?? '0']);
  await sql.query('DROP TABLE pg_temp.elstream_wanted');
  return columns.map((column, i) => ({
    name: column.name,
    type: spelled[i]?.type ?? column.type,
    collation: spelled[i]?.collation ?? null,
    collatable: collatable[i]?.ok ?? false,
    definition: columnDefinition(column, column.quoted),
    isKey: !column.nullable,
  }));
}

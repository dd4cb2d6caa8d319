import type { TableMapping } from '@elstream/core';
import type { Sql } from '@elstream/database';
import { GAP_PREFIX } from '@elstream/warehouse';

const WORDS = 'columns were added at the source: ';

/**
 * Notes that rows which stand lack the values of added columns. Not if the pipeline knows the columns already: then
 * another process has followed the change, and the preload for it may be under way or over.
 */
export async function markStale(sql: Sql, pipeline: string, to: TableMapping, added: readonly string[]): Promise<void> {
  if (added.length === 0) return;
  await sql.execute(
    `UPDATE elstream.table_state AS s SET stale = $3, updated_at = now()
      WHERE pipeline = $1 AND table_id = $2
        AND NOT EXISTS (SELECT FROM elstream.pipeline_table p WHERE p.pipeline = s.pipeline AND p.table_id = s.table_id
                          AND (SELECT jsonb_agg(c -> 'source') FROM jsonb_array_elements(p.mapping -> 'columns') AS c) @> $4::jsonb)`,
    [pipeline, to.id, `${WORDS}${JSON.stringify(added)}`, JSON.stringify(added)],
  );
}

/** Added columns that are gone again, before a preload has read them, are waited for no more: no preload could answer them. */
export async function forgetDropped(sql: Sql, pipeline: string, table: string, dropped: readonly string[]): Promise<void> {
  if (dropped.length === 0) return;
  await sql.execute(
    `UPDATE elstream.table_state SET stale = $3 || nullif((substr(stale, length($3) + 1)::jsonb - $4::text[])::text, '[]'), updated_at = now()
      WHERE pipeline = $1 AND table_id = $2 AND starts_with(stale, $3)`,
    [pipeline, table, WORDS, [...dropped]],
  );
}

/**
 * The preload that begins answers it, if it reads these columns: one that was planned with an earlier mapping does not,
 * and another has to follow. The mark of a log gap stays until the preload has ended: should its run not end well, the
 * next one is started by the mark.
 */
export async function clearStale(sql: Sql, pipeline: string, mapping: TableMapping): Promise<void> {
  await sql.execute(
    `UPDATE elstream.table_state SET stale = NULL WHERE pipeline = $1 AND table_id = $2 AND stale IS NOT NULL
        AND CASE WHEN starts_with(stale, $3) THEN substr(stale, length($3) + 1)::jsonb <@ $4::jsonb ELSE NOT starts_with(stale, $5) END`,
    [pipeline, mapping.id, WORDS, JSON.stringify(mapping.columns.map((c) => c.source)), GAP_PREFIX],
  );
}

/** A preload has ended: the gap is answered. Another one since has raised the epoch, and this preload does not end. */
export async function clearGapMark(sql: Sql, pipeline: string, table: string): Promise<void> {
  await sql.execute('UPDATE elstream.table_state SET stale = NULL WHERE pipeline = $1 AND table_id = $2 AND starts_with(stale, $3)', [pipeline, table, GAP_PREFIX]);
}

/**
 * Notes tables that only a preload makes whole again, as after a truncate that cannot be applied in order. A preload that
 * is under way may have read before: the mark of a log gap, which its end clears, gives way.
 */
export async function markToReload(sql: Sql, pipeline: string, reloads: ReadonlyMap<string, string>): Promise<void> {
  if (reloads.size === 0) return;
  await sql.execute(
    `UPDATE elstream.table_state AS s SET stale = u.reason, updated_at = now() FROM unnest($2::text[], $3::text[]) AS u(table_id, reason)
      WHERE s.pipeline = $1 AND s.table_id = u.table_id AND (s.stale IS NULL OR starts_with(s.stale, $4))`,
    [pipeline, [...reloads.keys()], [...reloads.values()], GAP_PREFIX],
  );
}

/** True for a mapping from before the columns were added: what it reads lacks them. */
export async function lacksColumns(sql: Sql, pipeline: string, mapping: TableMapping): Promise<boolean> {
  const found = await sql.query(
    `SELECT 1 FROM elstream.table_state WHERE pipeline = $1 AND table_id = $2 AND starts_with(stale, $3) AND NOT substr(stale, length($3) + 1)::jsonb <@ $4::jsonb`,
    [pipeline, mapping.id, WORDS, JSON.stringify(mapping.columns.map((c) => c.source))],
  );
  return found.length > 0;
}

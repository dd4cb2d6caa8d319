import { ElstreamError, type TableMapping } from '@elstream/core';
import type { Sql } from '@elstream/database';

/** All of a mapping that says what a row holds; `outdatedTables` puts it together from the stored one. */
function contentOf({ target, key, history, columns }: TableMapping): string {
  return JSON.stringify([target, key, history ?? null, columns.map((c) => [c.source, c.target, c.targetType, c.mask?.kind ?? null])]);
}

/**
 * Tables whose stored mapping is another one. A preload begins with what is stored: what was decoded with an earlier
 * mapping would count as a touch of its epoch, keep the fill away, and its added columns would be NULL for ever. To be asked
 * under the table's locks, which the raise of the epoch takes too. A table of which no mapping is stored is not among them.
 */
export async function outdatedTables(sql: Sql, pipeline: string, mappings: readonly TableMapping[]): Promise<string[]> {
  if (mappings.length === 0) return [];
  const found = await sql.query<{ table_id: string }>(
    `SELECT p.table_id FROM unnest($2::text[], $3::text[]) AS u(table_id, content) JOIN elstream.pipeline_table AS p ON p.pipeline = $1 AND p.table_id = u.table_id
      WHERE jsonb_build_array(p.mapping -> 'target', p.mapping -> 'key', p.mapping -> 'history',
              (SELECT jsonb_agg(jsonb_build_array(c -> 'source', c -> 'target', c -> 'targetType', c -> 'mask' -> 'kind') ORDER BY o) FROM jsonb_array_elements(p.mapping -> 'columns') WITH ORDINALITY AS x(c, o))) <> u.content::jsonb`,
    [pipeline, mappings.map((m) => m.id), mappings.map(contentOf)],
  );
  return found.map((row) => row.table_id);
}

/** Throws `MAPPING_OUTDATED` (retry): what was read with an earlier mapping is read again with the one that is stored. */
export async function requireCurrent(sql: Sql, pipeline: string, mapping: TableMapping): Promise<void> {
  if ((await outdatedTables(sql, pipeline, [mapping])).length > 0) throw outdated(pipeline, mapping);
}

export function outdated(pipeline: string, mapping: TableMapping): ElstreamError {
  return new ElstreamError('MAPPING_OUTDATED', 'retry', 'the table has other columns by now than when its rows were read; they are read again', { place: { pipeline, table: mapping.id } });
}

import type { Sql } from '@elstream/database';
import type { Target } from '../target';
import { APPROXIMATE_COLUMN, BEGIN_COLUMN, DELETED_COLUMN } from './archive';

/**
 * Derived history has no source to be compared with; what can be told is whether each version of a key begins where the
 * one before it ended (later only after a delete), and whether the standing row follows the last. An unknown begin (NULL)
 * is no hole: it is marked by being unknown.
 */
export async function checkDerived(sql: Sql, target: Target): Promise<{ readonly versions: number; readonly holes: number; readonly approximate: number } | null> {
  const { archive } = target;
  if (archive?.kind !== 'derived') return null;
  const keys = archive.key.map((c) => c.quoted).join(', ');
  const version = (alias: string, begin: string, end: string): string => `${target.key.map((c) => `${alias}.${c.quoted}`).join(', ')}, ${alias}.${begin} AS v_from, ${end} AS v_to`;
  const begin = archive.inRow ? archive.from.quoted : BEGIN_COLUMN;
  const [found] = await sql.query<{ versions: string; holes: string; approximate: string }>(
    `WITH every AS (
       SELECT ${version('h', archive.from.quoted, `h.${archive.to.quoted}`)}, h.${DELETED_COLUMN} AS gone, false AS stands, h.${APPROXIMATE_COLUMN} AS near FROM ${archive.sql} AS h
       UNION ALL SELECT ${version('t', begin, `NULL::${archive.to.type}`)}, false, true, false FROM ${target.sql} AS t),
     follows AS (SELECT e.*, lag(e.v_to) OVER w AS before, lag(e.gone) OVER w AS gone_before, lead(e.stands) OVER w IS NULL AS last
       FROM every AS e WINDOW w AS (PARTITION BY ${keys} ORDER BY e.stands, e.v_from NULLS FIRST, e.v_to))
     SELECT count(*) FILTER (WHERE NOT stands)::text AS versions, count(*) FILTER (WHERE near)::text AS approximate,
            (count(*) FILTER (WHERE v_from <> before AND NOT (gone_before AND v_from > before)) + count(*) FILTER (WHERE last AND NOT stands AND NOT gone))::text AS holes FROM follows`,
  );
  return { versions: Number(found?.versions ?? 0), holes: Number(found?.holes ?? 0), approximate: Number(found?.approximate ?? 0) };
}

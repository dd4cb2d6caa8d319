import type { TSql } from '@elstream/database';
import type { Target } from '../target';
import { APPROXIMATE_COLUMN, BEGIN_COLUMN, DELETED_COLUMN, type Archive } from './archive';

/**
 * Derived history has no source to be compared with; what can be told is whether each version of a key begins where the
 * one before it ended (later only after a delete), and whether the standing row follows the last. An unknown begin (NULL)
 * is no hole: it is marked by being unknown. NULLs come first in ascending order here.
 */
export function checkDerivedSql(target: Target, archive: Archive): string {
  const keys = target.key.map((_, i) => `k${String(i)}`).join(', ');
  const version = (alias: string, begin: string, end: string): string => `${target.key.map((c, i) => `${alias}.${c.quoted} AS k${String(i)}`).join(', ')}, ${alias}.${begin} AS v_from, ${end} AS v_to`;
  const begin = archive.inRow ? archive.from.quoted : BEGIN_COLUMN;
  const over = `PARTITION BY ${keys} ORDER BY e.stands, e.v_from, e.v_to`;
  return `WITH every AS (
  SELECT ${version('h', archive.from.quoted, `h.${archive.to.quoted}`)}, CONVERT(int, h.[${DELETED_COLUMN}]) AS gone, 0 AS stands, CONVERT(int, h.${APPROXIMATE_COLUMN}) AS near FROM ${archive.sql} AS h
  UNION ALL SELECT ${version('t', begin, `CONVERT(${archive.to.type}, NULL)`)}, 0, 1, 0 FROM ${target.sql} AS t),
follows AS (
  SELECT e.*, LAG(e.v_to) OVER (${over}) AS before, LAG(e.gone) OVER (${over}) AS gone_before, LEAD(e.stands) OVER (${over}) AS next FROM every AS e)
SELECT CONVERT(varchar(20), COUNT_BIG(CASE WHEN stands = 0 THEN 1 END)) AS versions, CONVERT(varchar(20), COUNT_BIG(CASE WHEN near = 1 THEN 1 END)) AS approximate,
       CONVERT(varchar(20), COUNT_BIG(CASE WHEN v_from <> before AND NOT (gone_before = 1 AND v_from > before) THEN 1 END)
                          + COUNT_BIG(CASE WHEN next IS NULL AND stands = 0 AND gone = 0 THEN 1 END)) AS holes FROM follows;`;
}

/** Null: the table's history is not derived. */
export async function checkDerived(sql: TSql, target: Target): Promise<{ readonly versions: number; readonly holes: number; readonly approximate: number } | null> {
  const { archive } = target;
  if (archive?.kind !== 'derived') return null;
  const [found] = await sql.rows<{ versions: string; holes: string; approximate: string }>(checkDerivedSql(target, archive));
  return { versions: Number(found?.versions ?? 0), holes: Number(found?.holes ?? 0), approximate: Number(found?.approximate ?? 0) };
}

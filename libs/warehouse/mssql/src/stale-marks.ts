import { nString } from '@elstream/database';
import { GAP_PREFIX } from '@elstream/warehouse';

/** Statements on `TableState.stale` inside other transactions. `@pipeline` is bound, `@now` is the transaction's time. */

/** Before the JSON list of columns that were added at the source. */
export const ADDED_WORDS = 'columns were added at the source: ';

const begins = (words: string): string => `s.stale LIKE ${nString(`${words}%`)}`;

/**
 * The preload that begins answers it, if it reads these columns (`columns`: T-SQL of their names as JSON): one that was
 * planned with an earlier mapping does not, and another has to follow. The mark of a log gap stays until the preload has
 * ended: should its run not end well, the next one is started by the mark.
 */
export function clearStale(table: string, columns: string): string {
  return `UPDATE s SET stale = NULL FROM elstream.table_state AS s
 WHERE s.pipeline = @pipeline AND s.table_id = ${table} AND s.stale IS NOT NULL AND NOT (${begins(GAP_PREFIX)}) AND NOT EXISTS (${lacking(columns)});`;
}

/** Added columns that are not among `columns`; none where the mark is another. */
export function lacking(columns: string): string {
  const list = `CASE WHEN ${begins(ADDED_WORDS)} THEN SUBSTRING(s.stale, ${String(ADDED_WORDS.length + 1)}, DATALENGTH(s.stale)) ELSE N'[]' END`;
  return `SELECT 1 FROM OPENJSON(${list}) AS a WHERE a.[value] COLLATE Latin1_General_100_BIN2 NOT IN (SELECT c.[value] COLLATE Latin1_General_100_BIN2 FROM OPENJSON(${columns}) AS c)`;
}

/** A preload has ended: the gap is answered. Another one since has raised the epoch, and this preload does not end. */
export function clearGapMark(table: string): string {
  return `UPDATE s SET stale = NULL FROM elstream.table_state AS s WHERE s.pipeline = @pipeline AND s.table_id = ${table} AND ${begins(GAP_PREFIX)};`;
}

/**
 * Notes tables that take events and that only a preload makes whole again, as after a truncate that cannot be applied in
 * order. A preload that is under way may have read before: the mark of a log gap, which its end clears, gives way.
 * `@reloads`: JSON of `[table, reason]`.
 */
export const markToReload = `UPDATE s SET stale = r.reason, updated_at = @now
  FROM elstream.table_state AS s JOIN OPENJSON(@reloads) WITH (table_id nvarchar(300) '$[0]', reason nvarchar(max) '$[1]') AS r ON r.table_id COLLATE Latin1_General_100_BIN2 = s.table_id
 WHERE s.pipeline = @pipeline AND s.epoch > 0 AND s.phase NOT IN (N'new', N'stopped') AND (s.stale IS NULL OR ${begins(GAP_PREFIX)});`;

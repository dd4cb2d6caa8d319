import { nString } from '@elstream/database';
import { ADDED_WORDS } from '../stale-marks';

/** Statements on `TableState.stale` for schema changes. `@pipeline`, `@table`, `@now` are there; `@added`, `@dropped`: names at the source, JSON. */

const LIST = `CASE WHEN s.stale LIKE ${nString(`${ADDED_WORDS}%`)} THEN SUBSTRING(s.stale, ${String(ADDED_WORDS.length + 1)}, DATALENGTH(s.stale)) ELSE N'[]' END`;

/** Added columns that are gone again, before a preload has read them, are waited for no more: no preload could answer them. */
export const forgetDropped = `UPDATE s SET stale = CASE WHEN x.list IS NULL THEN NULL ELSE CONCAT(${nString(ADDED_WORDS)}, N'[', x.list, N']') END, updated_at = @now
  FROM elstream.table_state AS s
 CROSS APPLY (SELECT STRING_AGG(CONVERT(nvarchar(max), CONCAT(N'"', STRING_ESCAPE(a.[value], 'json'), N'"')), N',') WITHIN GROUP (ORDER BY CONVERT(int, a.[key])) AS list FROM OPENJSON(${LIST}) AS a
               WHERE a.[value] COLLATE Latin1_General_100_BIN2 NOT IN (SELECT d.[value] COLLATE Latin1_General_100_BIN2 FROM OPENJSON(@dropped) AS d)) AS x
 WHERE s.pipeline = @pipeline AND s.table_id = @table AND s.stale LIKE ${nString(`${ADDED_WORDS}%`)};`;

/**
 * Notes that rows which stand lack the values of added columns. Not if the pipeline knows the columns already: then
 * another process has followed the change, and the preload for it may be under way or over.
 */
export const markStale = `UPDATE s SET stale = CONCAT(${nString(ADDED_WORDS)}, @added), updated_at = @now FROM elstream.table_state AS s
 WHERE s.pipeline = @pipeline AND s.table_id = @table
   AND NOT EXISTS (SELECT 1 FROM elstream.pipeline_table AS p WHERE p.pipeline = s.pipeline AND p.table_id = s.table_id
                     AND NOT EXISTS (SELECT 1 FROM OPENJSON(@added) AS a WHERE a.[value] COLLATE Latin1_General_100_BIN2 NOT IN
                                      (SELECT c.source COLLATE Latin1_General_100_BIN2 FROM OPENJSON(p.mapping, '$.columns') WITH (source nvarchar(max) '$.source') AS c)));`;

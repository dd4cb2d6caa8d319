import { CONTROL_SCHEMA as S } from '@elstream/database';

/** 0 … 299, to take a name apart by: no table's id is longer. */
const NUMBERS = [1, 10, 100].map((step) => `(VALUES ${Array.from({ length: step === 100 ? 3 : 10 }, (_, i) => `(${String(i * step)})`).join(', ')}) AS n${String(step)}(n)`).join(' CROSS JOIN ');

/**
 * The view `load_history`: what was loaded and validated when, for people in a SQL client; the columns of PostgreSQL's.
 * Needs SQL Server 2017 (STRING_AGG).
 *
 * A topic has its table's name at its end, in the characters that Kafka allows: without regular expressions the name is
 * spelled character by character.
 */
export function loadHistoryView(): string {
  return `CREATE VIEW ${S}.load_history AS
   -- One row per table and run: SELECT * FROM ${S}.load_history ORDER BY table_name, load_date.
   -- What the stream has applied is known as of now only, so it stands in the row of each table's newest run.
   SELECT r.pipeline,
          t.id AS table_name,
          COALESCE(r.started_at, r.created_at) AS load_date,
          r.reason,
          CASE WHEN n.newest = 1 THEN c.last_message END AS last_message,
          CASE WHEN k.validated = 1 OR r.state = N'succeeded' THEN N'Successful' WHEN r.state = N'failed' THEN N'Failed' WHEN r.state = N'cancelled' THEN N'Cancelled' ELSE N'Initial' END AS status,
          CAST(COALESCE(k.preloaded, 0) AS bit) AS preloaded,
          CASE WHEN n.newest = 1 THEN s.rows_preloaded END AS rows_preloaded,
          COALESCE(v.position, k.live_at) AS ending_offset,
          CASE WHEN n.newest = 1 THEN c.next_offset END AS next_offset,
          CAST(CASE WHEN v.run_id IS NULL THEN NULL WHEN v.differences = 0 AND v.unverified = 0 THEN 1 ELSE 0 END AS bit) AS validated,
          v.finished_at AS validated_date,
          CASE WHEN n.newest = 1 THEN s.phase END AS phase,
          COALESCE(CASE WHEN n.newest = 1 THEN s.error END, r.error) AS error,
          r.id AS run_id
     FROM ${S}.run AS r
    CROSS APPLY (SELECT CONVERT(nvarchar(300), j.value) COLLATE Latin1_General_100_BIN2 AS id FROM OPENJSON(r.tables) AS j) AS t
    CROSS APPLY (
      SELECT CASE WHEN EXISTS (
               SELECT 1 FROM ${S}.run AS later CROSS APPLY OPENJSON(later.tables) AS l
                WHERE later.pipeline = r.pipeline AND later.seq > r.seq AND l.value COLLATE Latin1_General_100_BIN2 = t.id) THEN 0 ELSE 1 END AS newest) AS n
    CROSS APPLY (
      SELECT STRING_AGG(CAST(CASE WHEN x.c LIKE N'[-A-Za-z0-9._]' THEN x.c ELSE N'_' END AS nvarchar(max)), N'') WITHIN GROUP (ORDER BY x.i) AS topic
        FROM (SELECT n1.n + n10.n + n100.n AS i, SUBSTRING(t.id, n1.n + n10.n + n100.n + 1, 1) AS c FROM ${NUMBERS}) AS x
       WHERE x.i < LEN(t.id + N'.') - 1) AS e
    OUTER APPLY (
      SELECT MAX(CASE WHEN kind = N'finish-table' THEN 1 ELSE 0 END) AS preloaded,
             MAX(CASE WHEN kind = N'finish-validation' THEN 1 ELSE 0 END) AS validated,
             MAX(JSON_VALUE(result, '$.liveAt')) COLLATE Latin1_General_100_BIN2 AS live_at
        FROM ${S}.task WHERE run_id = r.id AND table_id = t.id AND kind IN (N'finish-table', N'finish-validation') AND state = N'done') AS k
     LEFT JOIN ${S}.table_state AS s ON s.pipeline = r.pipeline AND s.table_id = t.id
    OUTER APPLY (
      -- DATEADD takes int, so days, seconds and microseconds one after the other.
      SELECT TODATETIMEOFFSET(DATEADD(microsecond, CAST(MAX(committed_at_us) % 1000000 AS int),
               DATEADD(second, CAST(MAX(committed_at_us) / 1000000 % 86400 AS int),
               DATEADD(day, CAST(MAX(committed_at_us) / 86400000000 AS int), CAST('1970-01-01' AS datetime2(6))))), '+00:00') AS last_message,
             STRING_AGG(CAST(next_offset AS nvarchar(max)), N', ') WITHIN GROUP (ORDER BY LEN([partition]), [partition]) AS next_offset
        FROM ${S}.[checkpoint]
       WHERE pipeline = r.pipeline
         AND ([partition] = N'0'
              OR RIGHT(LEFT([partition], LEN([partition]) - CHARINDEX(N'-', REVERSE([partition]))), LEN(e.topic) + 1) = N'.' + e.topic)) AS c
     LEFT JOIN ${S}.validation AS v ON v.pipeline = r.pipeline AND v.table_id = t.id AND v.run_id = r.id`;
}

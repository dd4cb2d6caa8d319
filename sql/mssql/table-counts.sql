-- Rows and size of every table of the current database, by the statistics of its partitions: nothing is read or locked.
-- For the two sides to be compared by eye, in the source and in the warehouse. For proof use a validation: it compares
-- every row. The same is told by the gateway: GET /api/v1/pipelines/{name}/tables. Needs VIEW DATABASE STATE and
-- VIEW DEFINITION.
--   sqlcmd -S host -d database -U user -C -i table-counts.sql -W

SET NOCOUNT ON;
SELECT s.name AS [schema], t.name AS [table], SUM(p.row_count) AS [rows], SUM(p.reserved_page_count) * 8 AS [kilobytes],
       CASE t.temporal_type WHEN 1 THEN 'history' WHEN 2 THEN 'system-versioned' ELSE '' END AS [kind]
  FROM sys.tables AS t
  JOIN sys.schemas AS s ON s.schema_id = t.schema_id
  JOIN sys.dm_db_partition_stats AS p ON p.object_id = t.object_id AND p.index_id IN (0, 1)
 WHERE t.is_ms_shipped = 0 AND s.name NOT IN (N'cdc')
 GROUP BY s.name, t.name, t.temporal_type
 ORDER BY s.name, t.name;
GO

-- https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-tables-transact-sql

SELECT CONVERT(nvarchar(20), o.object_id) AS id, s.name AS [schema], o.name AS name, RTRIM(o.type) AS kind,
  CONVERT(int, ISNULL(t.temporal_type, 0)) AS temporal,
  OBJECT_SCHEMA_NAME(t.history_table_id) AS historySchema, OBJECT_NAME(t.history_table_id) AS historyName,
  (SELECT MIN(OBJECT_SCHEMA_NAME(v.object_id) + N'.' + v.name) FROM sys.tables AS v WHERE v.history_table_id = o.object_id) AS versionsOf,
  ISNULL(t.is_memory_optimized, 0) AS memoryOptimized, ISNULL(t.is_external, 0) AS [external], ISNULL(t.is_filetable, 0) AS fileTable,
  CONVERT(bit, CASE WHEN EXISTS (SELECT 1 FROM sys.columns AS g WHERE g.object_id = o.object_id AND g.graph_type IS NOT NULL) THEN 1 ELSE 0 END) AS graph,
  CONVERT(bit, CASE WHEN EXISTS (SELECT 1 FROM sys.indexes AS i WHERE i.object_id = o.object_id AND i.type = 5) THEN 1 ELSE 0 END) AS columnstore,
  ISNULL(t.is_tracked_by_cdc, 0) AS captured,
  (SELECT CONVERT(nvarchar(20), SUM(p.rows)) FROM sys.partitions AS p WHERE p.object_id = o.object_id AND p.index_id IN (0, 1)) AS estimatedRows
FROM sys.objects AS o
  JOIN sys.schemas AS s ON s.schema_id = o.schema_id
  LEFT JOIN sys.tables AS t ON t.object_id = o.object_id
WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0 AND s.name NOT IN (N'sys', N'INFORMATION_SCHEMA', N'cdc', N'elstream')
ORDER BY s.name, o.name

-- https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-periods-transact-sql

SELECT OBJECT_SCHEMA_NAME(t.history_table_id) AS historySchema, OBJECT_NAME(t.history_table_id) AS historyName, f.name AS [from], e.name AS [to]
FROM sys.tables AS t
  JOIN sys.schemas AS s ON s.schema_id = t.schema_id
  JOIN sys.periods AS p ON p.object_id = t.object_id
  JOIN sys.columns AS f ON f.object_id = t.object_id AND f.column_id = p.start_column_id
  JOIN sys.columns AS e ON e.object_id = t.object_id AND e.column_id = p.end_column_id
WHERE s.name = @schema AND t.name = @name AND t.temporal_type = 2

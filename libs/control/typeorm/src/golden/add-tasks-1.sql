SET NOCOUNT OFF; SET LOCK_TIMEOUT 30000;
SELECT t.kind, t.table_id AS [table], MAX(t.ordinal) AS last
  FROM [elstream].[task] AS t WHERE t.run_id = @0 GROUP BY t.kind, t.table_id

SET NOCOUNT OFF; SET LOCK_TIMEOUT 30000;
SELECT [t].[kind] AS [kind], [t].[state] AS [state], [t].[table_id] AS [table], count(*) AS [tasks], sum([t].[rows]) AS [rows] FROM [elstream].[task] [t] WHERE [t].[run_id] = @0 GROUP BY [t].[table_id], [t].[kind], [t].[state] ORDER BY min([t].[ordinal]) ASC

SELECT [t].[kind] AS [kind], [t].[table_id] AS [table], max([t].[ordinal]) AS [last] FROM [elstream].[task] [t] WHERE [t].[run_id] = @0 GROUP BY [t].[kind], [t].[table_id]

SET NOCOUNT OFF; SET LOCK_TIMEOUT 30000;
SELECT [d].[code] AS [code], [d].[state] AS [state], [d].[table_id] AS [table], count(*) AS [count] FROM [elstream].[dead_letter] [d] WHERE [d].[pipeline] = @0 GROUP BY [d].[table_id], [d].[code], [d].[state] ORDER BY [d].[table_id] ASC, [d].[code] ASC, [d].[state] ASC

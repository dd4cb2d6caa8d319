SET NOCOUNT OFF; SET LOCK_TIMEOUT 30000;
SELECT [d].[table_id] AS [table], max([d].[parked_at]) AS [newestParkedAt], min([d].[replays]) AS [leastReplays] FROM [elstream].[dead_letter] [d] WHERE [d].[pipeline] = @0 AND [d].[state] = 'parked' AND [d].[code] = @1 AND [d].[key] IS NOT NULL GROUP BY [d].[table_id] ORDER BY [d].[table_id] ASC

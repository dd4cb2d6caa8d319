-- https://learn.microsoft.com/en-us/sql/t-sql/queries/select-order-by-clause-transact-sql
SET NOCOUNT OFF; SET LOCK_TIMEOUT 30000;
SELECT [Pipeline].[name] AS [Pipeline_name], [Pipeline].[paused] AS [Pipeline_paused], [Pipeline].[stream_error] AS [Pipeline_stream_error], [Pipeline].[identity] AS [Pipeline_identity], [Pipeline].[gap_reason] AS [Pipeline_gap_reason], [Pipeline].[counter] AS [Pipeline_counter], [Pipeline].[created_at] AS [Pipeline_created_at] FROM [elstream].[pipeline] [Pipeline] WHERE (([Pipeline].[name] = @0)) ORDER BY (SELECT NULL) OFFSET 0 ROWS FETCH NEXT 1 ROWS ONLY

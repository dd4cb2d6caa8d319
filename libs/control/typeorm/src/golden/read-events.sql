-- https://learn.microsoft.com/en-us/sql/t-sql/queries/select-order-by-clause-transact-sql
SET NOCOUNT OFF; SET LOCK_TIMEOUT 30000;
SELECT [RunEvent].[id] AS [RunEvent_id], [RunEvent].[run_id] AS [RunEvent_run_id], [RunEvent].[at] AS [RunEvent_at], [RunEvent].[type] AS [RunEvent_type], [RunEvent].[table_id] AS [RunEvent_table_id], [RunEvent].[detail] AS [RunEvent_detail] FROM [elstream].[run_event] [RunEvent] WHERE (([RunEvent].[run_id] = @0) AND ([RunEvent].[id] > @1)) ORDER BY [RunEvent].[id] ASC OFFSET 0 ROWS FETCH NEXT 10 ROWS ONLY

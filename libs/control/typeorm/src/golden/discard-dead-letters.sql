-- https://learn.microsoft.com/en-us/sql/t-sql/functions/openjson-transact-sql
SET NOCOUNT OFF; SET LOCK_TIMEOUT 30000;
UPDATE [elstream].[dead_letter] SET [state] = @0, [settled_at] = SYSUTCDATETIME(), [note] = @1 WHERE [pipeline] = @2 AND [id] IN (SELECT CONVERT(uniqueidentifier, j.value) FROM OPENJSON(@3) AS j) AND [table_id] = @4 AND [code] = @5 AND [state] = 'parked'

-- https://learn.microsoft.com/en-us/sql/t-sql/queries/output-clause-transact-sql
SET NOCOUNT OFF; SET LOCK_TIMEOUT 30000;
DECLARE @OutputTable TABLE ([attempt] int);

UPDATE [elstream].[task] SET [state] = @0, [attempt] = [attempt] + 1, [worker] = @1, [error] = @2, [started_at] = SYSUTCDATETIME(), [renewed_at] = SYSUTCDATETIME() OUTPUT INSERTED.[attempt] INTO @OutputTable WHERE [id] = @3 AND [state] = 'pending' AND EXISTS (SELECT 1 FROM [elstream].[run] r WHERE r.id = [run_id] AND r.state = 'running');

SELECT * FROM @OutputTable

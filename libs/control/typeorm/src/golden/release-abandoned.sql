SET NOCOUNT OFF; SET LOCK_TIMEOUT 30000;
UPDATE [elstream].[task] SET [state] = @0, [worker] = @1 WHERE [state] = 'running' AND coalesce([renewed_at], [started_at]) <= DATEADD(millisecond, -@2, SYSUTCDATETIME()) AND ([worker] IS NULL OR [worker] <> @3)

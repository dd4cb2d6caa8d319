SET NOCOUNT OFF; SET LOCK_TIMEOUT 30000;
UPDATE [elstream].[task] SET [renewed_at] = SYSUTCDATETIME() WHERE [id] = @0 AND [state] = 'running' AND [run_id] = @1 AND [epoch] = @2 AND [attempt] = @3

SET NOCOUNT OFF; SET LOCK_TIMEOUT 30000;
UPDATE [elstream].[task] SET [error] = @0, [state] = @1, [finished_at] = SYSUTCDATETIME() WHERE [id] = @2 AND [state] = 'running' AND [run_id] = @3 AND [epoch] = @4 AND [attempt] = @5

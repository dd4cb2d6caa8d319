SET NOCOUNT OFF; SET LOCK_TIMEOUT 30000;
UPDATE [elstream].[task] SET [error] = @0, [state] = @1, [worker] = @2 WHERE [id] = @3 AND [state] = 'running' AND [run_id] = @4 AND [epoch] = @5 AND [attempt] = @6

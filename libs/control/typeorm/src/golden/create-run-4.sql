UPDATE [elstream].[task] SET [state] = @0, [finished_at] = SYSUTCDATETIME() WHERE ([run_id] = @1 AND [state] IN (@2, @3))

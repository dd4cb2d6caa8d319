UPDATE [elstream].[run] SET [state] = @0, [error] = @1, [finished_at] = SYSUTCDATETIME() WHERE ([id] = @2 AND [state] IN (@3, @4))

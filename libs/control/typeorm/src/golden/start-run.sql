UPDATE [elstream].[run] SET [state] = @0, [started_at] = SYSUTCDATETIME() WHERE ([id] = @1 AND [state] = @2)

SET NOCOUNT OFF; SET LOCK_TIMEOUT 30000;
UPDATE [elstream].[run] SET [state] = @0, [started_at] = SYSUTCDATETIME() WHERE ([id] = @1 AND [state] = @2)

SET NOCOUNT OFF; SET LOCK_TIMEOUT 30000;
UPDATE [elstream].[run] SET [tables] = @0 WHERE ([id] = @1 AND [state] IN (@2, @3))

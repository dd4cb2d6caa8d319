SET NOCOUNT OFF; SET LOCK_TIMEOUT 30000;
UPDATE [elstream].[pipeline] SET [paused] = @0 WHERE ([name] = @1 AND [paused] = @2)

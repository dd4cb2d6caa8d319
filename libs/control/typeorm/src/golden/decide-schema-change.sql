SET NOCOUNT OFF; SET LOCK_TIMEOUT 30000;
UPDATE [elstream].[schema_change] SET [state] = @0, [decided_at] = SYSUTCDATETIME() WHERE ([id] = @1 AND [state] = @2)

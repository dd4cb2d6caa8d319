UPDATE [elstream].[schema_change] SET [state] = @0, [decided_at] = SYSUTCDATETIME() WHERE ([pipeline] = @1 AND [table_id] = @2 AND [state] = @3)

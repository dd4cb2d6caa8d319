UPDATE [elstream].[pipeline_table] SET [mapping] = @0 WHERE ([pipeline] = @1 AND [table_id] = @2)

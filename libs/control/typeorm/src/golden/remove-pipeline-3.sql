DELETE FROM [elstream].[table_state] WHERE [pipeline] = @0

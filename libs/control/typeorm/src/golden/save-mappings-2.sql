DELETE FROM [elstream].[pipeline_table] WHERE [pipeline] = @0

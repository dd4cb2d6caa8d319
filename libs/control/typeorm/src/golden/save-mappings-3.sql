INSERT INTO [elstream].[pipeline_table]([pipeline], [table_id], [ordinal], [mapping]) VALUES (@0, @1, @2, @3)

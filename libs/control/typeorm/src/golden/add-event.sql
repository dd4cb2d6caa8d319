INSERT INTO [elstream].[run_event]([run_id], [at], [type], [table_id], [detail]) VALUES (@0, DEFAULT, @1, @2, @3)

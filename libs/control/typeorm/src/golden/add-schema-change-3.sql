INSERT INTO [elstream].[schema_change]([id], [pipeline], [table_id], [state], [change], [noticed_at], [decided_at]) VALUES (@0, @1, @2, @3, @4, DEFAULT, DEFAULT)

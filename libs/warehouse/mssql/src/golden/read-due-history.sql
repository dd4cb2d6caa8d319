SELECT TOP (@limit) CONVERT(varchar(20), id) AS id, table_id, [key] FROM elstream.history_due WHERE pipeline = @pipeline ORDER BY history_due.id;

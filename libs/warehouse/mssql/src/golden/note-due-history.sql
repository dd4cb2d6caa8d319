INSERT INTO elstream.history_due (pipeline, table_id, [key])
SELECT @pipeline, @dueTable0, j.[key] FROM OPENJSON(@due0) WITH (ord int '$[0]', [key] nvarchar(max) '$[1]') AS j ORDER BY j.ord;

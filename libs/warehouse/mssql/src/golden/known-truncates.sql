SELECT c.ord FROM OPENJSON(@changes) WITH (ord int '$[0]', change varchar(256) '$[1]') AS c
 WHERE EXISTS (SELECT 1 FROM [o'dbo].[order]]lines_archive] AS h WHERE h.__elstream_change IS NOT NULL AND h.__elstream_change = CONVERT(varbinary(128), c.change, 2));

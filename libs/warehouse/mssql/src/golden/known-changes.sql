DECLARE @keys_rows TABLE (ord int NOT NULL PRIMARY KEY, k0 nvarchar(10) COLLATE Latin1_General_100_BIN2 NOT NULL, k1 bigint NOT NULL);
INSERT INTO @keys_rows (ord, k0, k1)
SELECT j.ord, j.k0, CONVERT(bigint, j.k1)
  FROM OPENJSON(@keys) WITH (ord int '$[0]', k0 nvarchar(max) '$[1]', k1 nvarchar(max) '$[2]') AS j;
SELECT u.ord FROM @keys_rows AS u JOIN OPENJSON(@changes) WITH (ord int '$[0]', change varchar(256) '$[1]') AS c ON c.ord = u.ord
 WHERE EXISTS (SELECT 1 FROM [o'dbo].[order]]lines_archive] AS h WHERE h.__elstream_change IS NOT NULL AND h.__elstream_change = CONVERT(varbinary(128), c.change, 2) AND h.[region] = u.k0 AND DATALENGTH(h.[region]) = DATALENGTH(u.k0) AND h.[id] = u.k1);

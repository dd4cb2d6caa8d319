-- https://learn.microsoft.com/sql/t-sql/functions/openjson-transact-sql
SET NOCOUNT ON;
DECLARE @keys_rows TABLE (ord int NOT NULL PRIMARY KEY, k0 nvarchar(10) COLLATE Latin1_General_100_BIN2 NOT NULL, k1 bigint NOT NULL);
INSERT INTO @keys_rows (ord, k0, k1)
SELECT j.ord, j.k0, CONVERT(bigint, j.k1)
  FROM OPENJSON(@keys) WITH (ord int '$[0]', k0 nvarchar(max) '$[1]', k1 nvarchar(max) '$[2]') AS j;
SELECT t.__elstream_epoch AS epoch, t.__elstream_position AS position, t.[region] AS v0, t.[id] AS v1, CONVERT(varchar(41), t.[price]) AS v2, t.[ratio] AS v3, t.[picture] AS v4, CONVERT(varchar(27), CONVERT(datetime2(7), SWITCHOFFSET(t.[at], '+00:00')), 121) + RIGHT(CONVERT(varchar(34), t.[at], 121), 6) AS v5, t.[note]]s] AS v6 FROM @keys_rows AS u JOIN [o'dbo].[order]]lines] AS t ON t.[region] = u.k0 AND DATALENGTH(t.[region]) = DATALENGTH(u.k0) AND t.[id] = u.k1;

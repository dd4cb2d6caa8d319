UPDATE t SET t.__elstream_valid_from = CONVERT(datetime2(6), b.begins, 121)
  FROM OPENJSON(@odd0) WITH (ord int '$[0]', begins nvarchar(40) '$[1]') AS b JOIN #touched0 AS u ON u.ord = b.ord JOIN [o'dbo].[order]]lines] AS t WITH (FORCESEEK) ON t.[region] = u.k0 AND DATALENGTH(t.[region]) = DATALENGTH(u.k0) AND t.[id] = u.k1;

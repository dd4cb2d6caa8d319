SELECT CONVERT(varchar(20), COUNT_BIG(*)) AS n FROM [o'dbo].[order]]lines] AS t;

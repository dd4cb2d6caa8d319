SET NOCOUNT ON;
DECLARE @wanted TABLE (k0 bigint);
INSERT INTO @wanted SELECT CONVERT(bigint, j.k0) FROM OPENJSON(@keys) WITH (k0 nvarchar(4000) '$[0]') AS j;
SET TRANSACTION ISOLATION LEVEL SNAPSHOT;
SELECT t.[id] AS c0, t.[bit] AS c1, CONVERT(varchar(41), t.[decimal]) AS c2, CONVERT(varchar(41), CONVERT(decimal(19,4), t.[money])) AS c3, t.[float] AS c4, CONVERT(nvarchar(10), t.[char]) AS c5, t.[nvarchar] AS c6, CONVERT(nvarchar(max), t.[text]) AS c7, CONVERT(bit, NULL) AS c8, t.[uniqueidentifier] AS c9, t.[varbinary] AS c10, t.[version] AS c11, CONVERT(varchar(10), t.[date], 23) AS c12, CONVERT(varchar(16), t.[time], 121) AS c13, CONVERT(varchar(23), t.[datetime], 121) AS c14, CONVERT(varchar(27), t.[datetime2], 121) AS c15, CONVERT(varchar(27), CONVERT(datetime2(7), SWITCHOFFSET(t.[offset], '+00:00')), 121) + RIGHT(CONVERT(varchar(34), t.[offset], 121), 6) AS c16, CONVERT(nvarchar(max), t.[xml]) AS c17 FROM @wanted AS w JOIN [dbo].[t] AS t ON t.[id] = w.k0;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;

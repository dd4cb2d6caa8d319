SET NOCOUNT ON;
DECLARE @wanted TABLE (k0 varchar(10) COLLATE SQL_Latin1_General_CP1_CI_AS, k1 decimal(10,2), k2 datetime2(3));
INSERT INTO @wanted SELECT CONVERT(varchar(10), j.k0 COLLATE SQL_Latin1_General_CP1_CI_AS), CONVERT(decimal(10,2), j.k1), CONVERT(datetime2(3), j.k2, 121) FROM OPENJSON(@keys) WITH (k0 nvarchar(4000) '$[0]', k1 nvarchar(4000) '$[1]', k2 nvarchar(4000) '$[2]') AS j;
SET TRANSACTION ISOLATION LEVEL SNAPSHOT;
SELECT CONVERT(nvarchar(10), t.[region]) AS c0, CONVERT(varchar(41), t.[na]]me]) AS c1, CONVERT(varchar(27), t.[at], 121) AS c2 FROM @wanted AS w JOIN [dbo].[t] AS t ON t.[region] = w.k0 AND t.[na]]me] = w.k1 AND t.[at] = w.k2;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;

SET NOCOUNT ON;
SET TRANSACTION ISOLATION LEVEL SNAPSHOT;
SELECT CONVERT(nvarchar(10), n.k0) AS c0, CONVERT(varchar(41), n.k1) AS c1, CONVERT(varchar(27), n.k2, 121) AS c2
FROM (SELECT p0.k0, p0.k1, p0.k2 FROM (SELECT TOP (@rows) t.[region] AS k0, t.[na]]me] AS k1, t.[at] AS k2 FROM [dbo].[t] AS t WHERE t.[region] = CONVERT(varchar(10), @after0 COLLATE SQL_Latin1_General_CP1_CI_AS) AND t.[na]]me] = CONVERT(decimal(10,2), @after1) AND t.[at] > CONVERT(datetime2(3), @after2, 121) ORDER BY t.[region], t.[na]]me], t.[at]) AS p0
  UNION ALL SELECT p1.k0, p1.k1, p1.k2 FROM (SELECT TOP (@rows) t.[region] AS k0, t.[na]]me] AS k1, t.[at] AS k2 FROM [dbo].[t] AS t WHERE t.[region] = CONVERT(varchar(10), @after0 COLLATE SQL_Latin1_General_CP1_CI_AS) AND t.[na]]me] > CONVERT(decimal(10,2), @after1) ORDER BY t.[region], t.[na]]me], t.[at]) AS p1
  UNION ALL SELECT p2.k0, p2.k1, p2.k2 FROM (SELECT TOP (@rows) t.[region] AS k0, t.[na]]me] AS k1, t.[at] AS k2 FROM [dbo].[t] AS t WHERE t.[region] > CONVERT(varchar(10), @after0 COLLATE SQL_Latin1_General_CP1_CI_AS) ORDER BY t.[region], t.[na]]me], t.[at]) AS p2) AS n
ORDER BY n.k0, n.k1, n.k2 OFFSET @skip ROWS FETCH NEXT 1 ROWS ONLY;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;

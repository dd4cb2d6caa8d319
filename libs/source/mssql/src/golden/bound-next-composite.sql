SET NOCOUNT ON;
SET TRANSACTION ISOLATION LEVEL SNAPSHOT;
SELECT CONVERT(nvarchar(10), t.[region]) AS c0, CONVERT(varchar(41), t.[na]]me]) AS c1, CONVERT(varchar(27), t.[at], 121) AS c2 FROM [dbo].[t] AS t WHERE t.[region] >= CONVERT(varchar(10), @after0 COLLATE SQL_Latin1_General_CP1_CI_AS) AND (t.[region] > CONVERT(varchar(10), @after0 COLLATE SQL_Latin1_General_CP1_CI_AS) OR (t.[region] = CONVERT(varchar(10), @after0 COLLATE SQL_Latin1_General_CP1_CI_AS) AND (t.[na]]me] > CONVERT(decimal(10,2), @after1) OR (t.[na]]me] = CONVERT(decimal(10,2), @after1) AND (t.[at] > CONVERT(datetime2(3), @after2, 121)))))) ORDER BY t.[region], t.[na]]me], t.[at] OFFSET @skip ROWS FETCH NEXT 1 ROWS ONLY;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;

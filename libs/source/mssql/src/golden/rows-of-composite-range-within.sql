SET NOCOUNT ON;
SET TRANSACTION ISOLATION LEVEL SNAPSHOT;
SELECT CONVERT(nvarchar(10), t.[region]) AS c0, CONVERT(varchar(41), t.[na]]me]) AS c1, CONVERT(varchar(27), t.[at], 121) AS c2 FROM [dbo].[t] AS t WHERE t.[region] = CONVERT(varchar(10), @from0 COLLATE SQL_Latin1_General_CP1_CI_AS) AND t.[na]]me] >= CONVERT(decimal(10,2), @from1) AND (t.[na]]me] > CONVERT(decimal(10,2), @from1) OR (t.[na]]me] = CONVERT(decimal(10,2), @from1) AND (t.[at] >= CONVERT(datetime2(3), @from2, 121)))) AND t.[na]]me] <= CONVERT(decimal(10,2), @to1) AND (t.[na]]me] < CONVERT(decimal(10,2), @to1) OR (t.[na]]me] = CONVERT(decimal(10,2), @to1) AND (t.[at] < CONVERT(datetime2(3), @to2, 121))));
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;

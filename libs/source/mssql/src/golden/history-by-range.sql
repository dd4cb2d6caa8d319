-- https://learn.microsoft.com/sql/relational-databases/tables/temporal-tables
SET NOCOUNT ON;
SET TRANSACTION ISOLATION LEVEL SNAPSHOT;
SELECT t.[id] AS c0, CONVERT(varchar(27), t.[valid_from], 121) AS c1, CONVERT(varchar(27), t.[valid_to], 121) AS c2, CONVERT(bit, CASE WHEN (SELECT COUNT_BIG(*) FROM [dbo].[t_archive] AS later WHERE later.[id] = t.[id] AND later.[valid_from] = t.[valid_to]) > CASE WHEN t.[valid_from] = t.[valid_to] THEN 1 ELSE 0 END OR EXISTS (SELECT 1 FROM [dbo].[t] AS standing WHERE standing.[id] = t.[id] AND standing.[valid_from] = t.[valid_to]) THEN 0 ELSE 1 END) AS c3 FROM [dbo].[t_archive] AS t WHERE t.[id] >= CONVERT(int, @from0) AND t.[id] < CONVERT(int, @to0);
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;

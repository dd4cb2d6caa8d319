-- https://learn.microsoft.com/sql/relational-databases/tables/temporal-tables
SET NOCOUNT ON;
DECLARE @wanted TABLE (k0 int);
INSERT INTO @wanted SELECT CONVERT(int, j.k0) FROM OPENJSON(@keys) WITH (k0 nvarchar(4000) '$[0]') AS j;
SET TRANSACTION ISOLATION LEVEL SNAPSHOT;
SELECT t.[id] AS c0, CONVERT(varchar(27), t.[valid_from], 121) AS c1, CONVERT(varchar(27), t.[valid_to], 121) AS c2, CONVERT(bit, CASE WHEN (SELECT COUNT_BIG(*) FROM [dbo].[t_archive] AS later WHERE later.[id] = t.[id] AND later.[valid_from] = t.[valid_to]) > CASE WHEN t.[valid_from] = t.[valid_to] THEN 1 ELSE 0 END OR EXISTS (SELECT 1 FROM [dbo].[t] AS standing WHERE standing.[id] = t.[id] AND standing.[valid_from] = t.[valid_to]) THEN 0 ELSE 1 END) AS c3 FROM @wanted AS w JOIN [dbo].[t_archive] AS t ON t.[id] = w.k0;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;

-- https://learn.microsoft.com/sql/relational-databases/tables/temporal-tables
SET NOCOUNT ON;
SET TRANSACTION ISOLATION LEVEL SNAPSHOT;
SELECT d.k0 AS c0
FROM (SELECT DISTINCT k0
  FROM (SELECT t.[id] AS k0, ROW_NUMBER() OVER (ORDER BY t.[id]) AS place FROM [dbo].[t_archive] AS t) AS n
  WHERE place > 1 AND place % @rows = 1 % @rows) AS d
ORDER BY d.k0;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;

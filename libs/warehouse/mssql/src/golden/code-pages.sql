-- https://learn.microsoft.com/sql/t-sql/functions/collation-functions-collationproperty-transact-sql
SELECT c.[name] AS [name], c.collation_name AS [collation], CONVERT(int, COLLATIONPROPERTY(c.collation_name, 'CodePage')) AS page,
       CONVERT(int, COLLATIONPROPERTY(CONVERT(nvarchar(128), DATABASEPROPERTYEX(DB_NAME(), 'Collation')), 'CodePage')) AS [database]
  FROM sys.columns AS c WHERE c.object_id = @id AND c.collation_name IS NOT NULL;

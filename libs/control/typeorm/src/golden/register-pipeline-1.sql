-- https://learn.microsoft.com/en-us/sql/t-sql/queries/hints-transact-sql-table
SET NOCOUNT OFF; SET LOCK_TIMEOUT 30000;
INSERT INTO [elstream].[pipeline] (name)
SELECT @0 WHERE NOT EXISTS (SELECT 1 FROM [elstream].[pipeline] WITH (UPDLOCK, HOLDLOCK) WHERE name = @0)

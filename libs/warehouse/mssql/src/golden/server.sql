-- https://learn.microsoft.com/sql/t-sql/functions/serverproperty-transact-sql
SELECT CONVERT(int, SERVERPROPERTY('ProductMajorVersion')) AS version, CONVERT(int, SERVERPROPERTY('EngineEdition')) AS edition,
       CONVERT(nvarchar(20), DATABASEPROPERTYEX(DB_NAME(), 'Updateability')) AS updateability,
       d.[compatibility_level] AS level, d.is_read_committed_snapshot_on AS row_versions, DB_NAME() AS [database]
  FROM sys.databases AS d WHERE d.[name] = DB_NAME();

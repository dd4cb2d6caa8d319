-- https://learn.microsoft.com/sql/t-sql/functions/has-perms-by-name-transact-sql
SELECT CASE WHEN SCHEMA_ID(@schema) IS NULL THEN HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'CREATE SCHEMA') ELSE HAS_PERMS_BY_NAME(QUOTENAME(@schema), N'SCHEMA', N'ALTER') END AS [schema],
       HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'CREATE TABLE') AS [table], HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'CREATE FUNCTION') AS [function];

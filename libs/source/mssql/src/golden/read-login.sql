-- https://learn.microsoft.com/sql/t-sql/functions/has-perms-by-name-transact-sql

SELECT SUSER_SNAME() AS login, USER_NAME() AS [user], CONVERT(bit, COALESCE(HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), N'DATABASE', N'UNMASK'), 0)) AS unmask,
  CONVERT(bit, CASE WHEN IS_SRVROLEMEMBER(N'sysadmin') = 1 OR IS_ROLEMEMBER(N'db_owner') = 1 THEN 1 ELSE 0 END) AS owner,
  CONVERT(bit, CASE WHEN OBJECT_ID(N'sys.security_predicates') IS NULL THEN 0 ELSE 1 END) AS policies

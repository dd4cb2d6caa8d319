-- https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-databases-transact-sql

SELECT CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')) AS version, CONVERT(int, SERVERPROPERTY('EngineEdition')) AS engine,
  CONVERT(nvarchar(128), SERVERPROPERTY('Edition')) AS edition, d.name AS [database], CONVERT(int, d.compatibility_level) AS compatibility,
  CONVERT(bit, ISNULL(d.is_cdc_enabled, 0)) AS captureEnabled, CONVERT(int, ISNULL(d.snapshot_isolation_state, 0)) AS snapshotState,
  CONVERT(bit, CASE WHEN d.delayed_durability > 0 THEN 1 ELSE 0 END) AS delayedDurability, CONVERT(bit, ISNULL(d.is_read_committed_snapshot_on, 0)) AS versionedReads,
  CONVERT(bit, CASE WHEN CONVERT(nvarchar(20), DATABASEPROPERTYEX(d.name, 'Updateability')) = N'READ_WRITE' THEN 1 ELSE 0 END) AS writable,
  SUSER_SNAME() AS login, USER_NAME() AS [user],
  CONVERT(bit, CASE WHEN IS_SRVROLEMEMBER(N'sysadmin') = 1 THEN 1 ELSE 0 END) AS sysadmin,
  CONVERT(bit, CASE WHEN HAS_PERMS_BY_NAME(NULL, NULL, N'VIEW SERVER STATE') = 1 OR HAS_PERMS_BY_NAME(NULL, NULL, N'VIEW SERVER PERFORMANCE STATE') = 1 THEN 1 ELSE 0 END) AS serverState,
  CONVERT(bit, CASE WHEN HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), N'DATABASE', N'VIEW DATABASE STATE') = 1 OR HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), N'DATABASE', N'VIEW DATABASE PERFORMANCE STATE') = 1 THEN 1 ELSE 0 END) AS databaseState,
  CONVERT(bit, CASE WHEN OBJECT_ID(N'sys.dm_server_services') IS NOT NULL AND (HAS_PERMS_BY_NAME(NULL, NULL, N'VIEW SERVER STATE') = 1 OR HAS_PERMS_BY_NAME(NULL, NULL, N'VIEW SERVER SECURITY STATE') = 1) THEN 1 ELSE 0 END) AS services
FROM sys.databases AS d WHERE d.database_id = DB_ID()

SELECT d.name AS [database], USER_NAME() AS [user], d.is_cdc_enabled AS captured, d.log_reuse_wait_desc AS log_wait,
       CASE WHEN IS_SRVROLEMEMBER(N'sysadmin') = 1 THEN 1 ELSE 0 END AS sysadmin,
       CASE WHEN IS_SRVROLEMEMBER(N'sysadmin') = 1 OR IS_ROLEMEMBER(N'db_owner') = 1 THEN 1 ELSE 0 END AS owner
  FROM sys.databases AS d
 WHERE d.database_id = DB_ID();

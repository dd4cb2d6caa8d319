-- https://learn.microsoft.com/sql/relational-databases/system-dynamic-management-views/sys-dm-hadr-database-replica-states-transact-sql

SELECT LOWER(CONVERT(nvarchar(36), r.group_database_id)) AS [database], ISNULL(r.is_primary_replica, 0) AS isPrimary,
  CONVERT(nvarchar(30), r.last_redone_lsn) AS redone, CONVERT(nvarchar(30), r.last_commit_lsn) AS [commit]
FROM sys.dm_hadr_database_replica_states AS r WHERE r.database_id = DB_ID() AND r.is_local = 1

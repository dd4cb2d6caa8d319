-- https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-database-recovery-status-transact-sql
SELECT LOWER(CONVERT(char(36), family_guid)) AS system, LOWER(CONVERT(char(36), recovery_fork_guid)) AS fork
  FROM sys.database_recovery_status WHERE database_id = DB_ID();

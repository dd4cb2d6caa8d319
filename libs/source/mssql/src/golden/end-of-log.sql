-- https://learn.microsoft.com/sql/relational-databases/system-dynamic-management-views/sys-dm-db-log-stats-transact-sql
SELECT CONVERT(nvarchar(48), s.log_end_lsn) AS lsn FROM sys.dm_db_log_stats(DB_ID()) AS s

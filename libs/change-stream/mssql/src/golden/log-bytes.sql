SELECT CONVERT(bigint, u.used_log_space_in_bytes) AS bytes FROM sys.dm_db_log_space_usage AS u;

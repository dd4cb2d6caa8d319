-- Health of CDC in the current database: jobs, latency, what is captured, and how much time is left before changes that the
-- connector has not read are cleaned up. Reads only. As a member of sysadmin; for a login of fewer rights jobs, agent and
-- budget end with an error each, and the rest goes on (so without -b).
-- https://learn.microsoft.com/sql/relational-databases/track-changes/administer-and-monitor-change-data-capture-sql-server
--   sqlcmd -S host -d database -U sa -C -i cdc-health.sql -W

SET NOCOUNT ON;
GO
PRINT N'-- The database: a log that waits for REPLICATION grows until the capture job has read it.';
SELECT name AS [database], is_cdc_enabled, snapshot_isolation_state_desc, recovery_model_desc, log_reuse_wait_desc
  FROM sys.databases WHERE database_id = DB_ID();
GO
PRINT N'-- The agent: without it nothing is captured.';
SELECT servicename, status_desc, startup_type_desc, last_startup_time FROM sys.dm_server_services WHERE servicename LIKE N'SQL Server Agent%';
GO
PRINT N'-- The jobs: retention of the cleanup job is in minutes, pollinginterval of the capture job in seconds.';
EXEC sys.sp_cdc_help_jobs;
GO
PRINT N'-- The last scans of the log: latency is in seconds, between commit at the source and capture.';
SELECT TOP (5) session_id, start_time, end_time, duration, scan_phase, error_count, tran_count, command_count, latency, last_commit_cdc_time
  FROM sys.dm_cdc_log_scan_sessions WHERE session_id > 0 ORDER BY start_time DESC;
GO
PRINT N'-- Errors of capture. Their texts may quote what was captured.';
SELECT TOP (20) entry_time, error_number, error_severity, phase_number, error_message FROM sys.dm_cdc_errors ORDER BY entry_time DESC;
GO
PRINT N'-- What is captured, and since when changes are still there.';
SELECT OBJECT_SCHEMA_NAME(t.source_object_id) AS [schema], OBJECT_NAME(t.source_object_id) AS [table], t.capture_instance, t.create_date, t.role_name,
       CONVERT(varchar(22), sys.fn_cdc_get_min_lsn(t.capture_instance), 1) AS min_lsn,
       sys.fn_cdc_map_lsn_to_time(sys.fn_cdc_get_min_lsn(t.capture_instance)) AS oldest_change,
       t.has_drop_pending
  FROM cdc.change_tables AS t
 ORDER BY 1, 2, t.create_date;
GO
-- Put the commit_lsn of the connector's committed offset here, as GET /api/v1/pipelines/{name}/connector shows it, without
-- colons and with 0x before it. As it stands: what was captured last.
DECLARE @delivered binary(10) = NULL; -- 0x0000002A00000F300003

DECLARE @retention bigint = (SELECT j.retention FROM msdb.dbo.cdc_jobs AS j WHERE j.database_id = DB_ID() AND j.job_type = N'cleanup');
PRINT N'-- Budget: minutes left until changes that are not delivered yet are cleaned up.';
SELECT @retention AS retention_minutes, CONVERT(varchar(22), p.position, 1) AS delivered,
       sys.fn_cdc_map_lsn_to_time(p.position) AS committed_at,
       DATEDIFF(minute, sys.fn_cdc_map_lsn_to_time(p.position), GETDATE()) AS minutes_behind,
       @retention - DATEDIFF(minute, sys.fn_cdc_map_lsn_to_time(p.position), GETDATE()) AS minutes_left
  FROM (SELECT COALESCE(@delivered, sys.fn_cdc_get_max_lsn()) AS position) AS p;
GO
PRINT N'-- Room that changes take.';
SELECT t.capture_instance, SUM(p.row_count) AS [changes], SUM(p.reserved_page_count) * 8 AS [kilobytes]
  FROM cdc.change_tables AS t JOIN sys.dm_db_partition_stats AS p ON p.object_id = t.object_id AND p.index_id IN (0, 1)
 GROUP BY t.capture_instance ORDER BY [kilobytes] DESC;
GO

-- https://learn.microsoft.com/en-us/sql/relational-databases/system-dynamic-management-views/sys-dm-tran-locks-transact-sql
SET NOCOUNT ON; SET LOCK_TIMEOUT 2000;
SELECT TOP (1) s.session_id AS id, s.program_name AS program, s.host_name AS host, s.login_name AS login, s.status, DATEDIFF_BIG(second, s.last_request_start_time, SYSDATETIME()) AS seconds
  FROM sys.dm_exec_sessions AS s
 WHERE s.session_id <> @@SPID
   AND EXISTS (
     SELECT 1 FROM sys.dm_tran_locks AS l
       LEFT JOIN sys.partitions AS p ON l.resource_type IN (N'KEY', N'RID', N'PAGE') AND p.hobt_id = l.resource_associated_entity_id
      WHERE l.request_session_id = s.session_id AND l.resource_database_id = DB_ID() AND l.request_status = N'GRANT'
        AND (CASE WHEN l.resource_type <> N'OBJECT' THEN p.object_id WHEN l.request_mode NOT IN (N'IS', N'Sch-S') THEN l.resource_associated_entity_id END
               IN (SELECT o.object_id FROM sys.tables AS o WHERE o.schema_id = SCHEMA_ID(N'elstream'))
          OR (l.resource_type = N'APPLICATION' AND l.resource_description LIKE N'%elstream.migration%')))
 ORDER BY CASE s.status WHEN N'sleeping' THEN 0 ELSE 1 END, s.last_request_start_time

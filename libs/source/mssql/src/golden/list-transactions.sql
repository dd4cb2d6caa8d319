-- https://learn.microsoft.com/sql/relational-databases/system-dynamic-management-views/sys-dm-tran-database-transactions-transact-sql

SELECT CONVERT(nvarchar(20), d.transaction_id) AS [transaction], CONVERT(nvarchar(30), d.database_transaction_begin_lsn) AS [begin],
  CONVERT(int, d.database_transaction_state) AS state, CONVERT(int, s.session_id) AS session, s.login_name AS login, s.program_name AS program,
  s.host_name AS host, CONVERT(nvarchar(19), d.database_transaction_begin_time, 120) AS since
FROM sys.dm_tran_database_transactions AS d
  LEFT JOIN (SELECT x.transaction_id, MIN(x.session_id) AS session_id FROM sys.dm_tran_session_transactions AS x GROUP BY x.transaction_id) AS b ON b.transaction_id = d.transaction_id
  LEFT JOIN sys.dm_exec_sessions AS s ON s.session_id = b.session_id
WHERE d.database_id = DB_ID() AND d.database_transaction_begin_lsn IS NOT NULL AND d.database_transaction_type <> 3
ORDER BY d.database_transaction_begin_lsn

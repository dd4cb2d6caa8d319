-- https://learn.microsoft.com/sql/relational-databases/system-tables/cdc-lsn-time-mapping-transact-sql
SELECT TOP (1) DATEDIFF(second, m.tran_end_time, GETDATE()) AS seconds
  FROM cdc.lsn_time_mapping AS m
 ORDER BY m.start_lsn DESC;

-- https://learn.microsoft.com/sql/relational-databases/system-tables/cdc-lsn-time-mapping-transact-sql
SELECT TOP (1) DATEDIFF(second, m.tran_end_time, GETDATE()) AS seconds
  FROM cdc.lsn_time_mapping AS m
 WHERE m.start_lsn <= CONVERT(binary(10), @needed)
 ORDER BY m.start_lsn DESC;

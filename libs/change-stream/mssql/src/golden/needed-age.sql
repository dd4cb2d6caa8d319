-- https://learn.microsoft.com/sql/relational-databases/system-tables/cdc-lsn-time-mapping-transact-sql
SELECT DATEDIFF(second, MAX(m.tran_end_time), GETDATE()) AS seconds
  FROM cdc.lsn_time_mapping AS m
 WHERE m.start_lsn <= @needed;

-- https://learn.microsoft.com/sql/relational-databases/system-stored-procedures/sys-sp-cdc-disable-table-transact-sql
SET XACT_ABORT OFF; SET LOCK_TIMEOUT 10000; EXEC sys.sp_cdc_disable_table @source_schema = N'se]l', @source_name = N'o''rd]er', @capture_instance = N'elstream_0123456789abcdef0123';

-- https://learn.microsoft.com/sql/relational-databases/system-stored-procedures/sys-sp-cdc-enable-table-transact-sql
SET XACT_ABORT OFF; SET LOCK_TIMEOUT 10000; EXEC sys.sp_cdc_enable_table @source_schema = N'se]l', @source_name = N'o''rd]er', @role_name = N'ro''le]', @capture_instance = N'elstream_0123456789abcdef0123', @supports_net_changes = 0;

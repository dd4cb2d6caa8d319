-- https://learn.microsoft.com/sql/relational-databases/system-stored-procedures/sys-sp-cdc-enable-db-transact-sql
SET XACT_ABORT OFF; SET LOCK_TIMEOUT 10000; EXEC sys.sp_cdc_enable_db;

-- https://learn.microsoft.com/sql/relational-databases/system-stored-procedures/sys-sp-cdc-help-jobs-transact-sql
EXEC sys.sp_cdc_help_jobs;

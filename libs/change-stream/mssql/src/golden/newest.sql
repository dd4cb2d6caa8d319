-- https://learn.microsoft.com/sql/relational-databases/system-functions/sys-fn-cdc-get-max-lsn-transact-sql
SELECT sys.fn_cdc_get_max_lsn() AS newest;

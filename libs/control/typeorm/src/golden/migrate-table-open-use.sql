-- https://learn.microsoft.com/en-us/sql/t-sql/statements/create-table-transact-sql
CREATE TABLE elstream.open_use (
    pipeline nvarchar(100) COLLATE Latin1_General_100_BIN2 NOT NULL,
    table_id nvarchar(300) COLLATE Latin1_General_100_BIN2 NOT NULL,
    run_id uniqueidentifier NOT NULL,
    opened_at datetimeoffset(7) NOT NULL CONSTRAINT open_use_opened_at_default DEFAULT SYSUTCDATETIME(),
    CONSTRAINT open_use_key PRIMARY KEY CLUSTERED (pipeline, table_id, run_id))

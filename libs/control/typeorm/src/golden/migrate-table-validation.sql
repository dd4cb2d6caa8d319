-- https://learn.microsoft.com/en-us/sql/t-sql/statements/create-table-transact-sql
CREATE TABLE elstream.validation (
    pipeline nvarchar(100) COLLATE Latin1_General_100_BIN2 NOT NULL,
    table_id nvarchar(300) COLLATE Latin1_General_100_BIN2 NOT NULL,
    run_id uniqueidentifier NOT NULL,
    seq bigint IDENTITY(1, 1) NOT NULL,
    scope nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    position nvarchar(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    rows_compared bigint NOT NULL,
    confirmed_equal bigint NOT NULL,
    unverified bigint NOT NULL,
    differences bigint NOT NULL,
    finished_at datetimeoffset(7) NOT NULL CONSTRAINT validation_finished_at_default DEFAULT SYSUTCDATETIME(),
    CONSTRAINT validation_key PRIMARY KEY CLUSTERED (pipeline, table_id, run_id))

-- https://learn.microsoft.com/en-us/sql/t-sql/statements/create-table-transact-sql
CREATE TABLE elstream.run_event (
    id bigint IDENTITY(1, 1) NOT NULL CONSTRAINT run_event_key PRIMARY KEY CLUSTERED,
    run_id uniqueidentifier NOT NULL CONSTRAINT run_event_run REFERENCES elstream.run (id) ON DELETE CASCADE,
    at datetimeoffset(7) NOT NULL CONSTRAINT run_event_at_default DEFAULT SYSUTCDATETIME(),
    type nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    table_id nvarchar(300) COLLATE Latin1_General_100_BIN2 NULL,
    detail nvarchar(max) COLLATE Latin1_General_100_BIN2 NOT NULL)

-- https://learn.microsoft.com/en-us/sql/t-sql/statements/create-table-transact-sql
CREATE TABLE elstream.pipeline (
    name nvarchar(100) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT pipeline_key PRIMARY KEY CLUSTERED,
    paused bit NOT NULL CONSTRAINT pipeline_paused_default DEFAULT 0,
    stream_error nvarchar(max) COLLATE Latin1_General_100_BIN2 NULL,
    [identity] nvarchar(max) COLLATE Latin1_General_100_BIN2 NULL,
    gap_reason nvarchar(max) COLLATE Latin1_General_100_BIN2 NULL,
    counter bigint NOT NULL CONSTRAINT pipeline_counter_default DEFAULT 0,
    created_at datetimeoffset(7) NOT NULL CONSTRAINT pipeline_created_at_default DEFAULT SYSUTCDATETIME())

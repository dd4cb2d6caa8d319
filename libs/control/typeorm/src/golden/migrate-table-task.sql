-- https://learn.microsoft.com/en-us/sql/t-sql/statements/create-table-transact-sql
CREATE TABLE elstream.task (
    id uniqueidentifier NOT NULL CONSTRAINT task_key PRIMARY KEY CLUSTERED,
    run_id uniqueidentifier NOT NULL,
    pipeline nvarchar(100) COLLATE Latin1_General_100_BIN2 NOT NULL,
    table_id nvarchar(300) COLLATE Latin1_General_100_BIN2 NULL,
    kind nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    state nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT task_state_default DEFAULT N'pending'
      CONSTRAINT task_state_known CHECK (state IN (N'pending', N'running', N'done', N'failed', N'cancelled')),
    attempt int NOT NULL CONSTRAINT task_attempt_default DEFAULT 0,
    epoch int NULL,
    ordinal int NOT NULL,
    payload nvarchar(max) COLLATE Latin1_General_100_BIN2 NOT NULL,
    result nvarchar(max) COLLATE Latin1_General_100_BIN2 NULL,
    [rows] bigint NOT NULL CONSTRAINT task_rows_default DEFAULT 0,
    worker nvarchar(400) COLLATE Latin1_General_100_BIN2 NULL,
    error nvarchar(max) COLLATE Latin1_General_100_BIN2 NULL,
    created_at datetimeoffset(7) NOT NULL CONSTRAINT task_created_at_default DEFAULT SYSUTCDATETIME(),
    started_at datetimeoffset(7) NULL,
    renewed_at datetimeoffset(7) NULL,
    finished_at datetimeoffset(7) NULL)

-- https://learn.microsoft.com/en-us/sql/t-sql/statements/create-table-transact-sql
CREATE TABLE elstream.run (
    id uniqueidentifier NOT NULL CONSTRAINT run_key PRIMARY KEY CLUSTERED,
    seq bigint IDENTITY(1, 1) NOT NULL CONSTRAINT run_seq UNIQUE NONCLUSTERED,
    pipeline nvarchar(100) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT run_pipeline REFERENCES elstream.pipeline (name) ON DELETE CASCADE,
    reason nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    state nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT run_state_default DEFAULT N'pending'
      CONSTRAINT run_state_known CHECK (state IN (N'pending', N'running', N'succeeded', N'failed', N'cancelled')),
    stages nvarchar(max) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT run_stages_default DEFAULT N'["prepare","preload","validate"]',
    lane nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT run_lane_default DEFAULT N'load',
    scope nvarchar(max) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT run_scope_default DEFAULT N'{}',
    tables nvarchar(max) COLLATE Latin1_General_100_BIN2 NOT NULL,
    error nvarchar(max) COLLATE Latin1_General_100_BIN2 NULL,
    created_at datetimeoffset(7) NOT NULL CONSTRAINT run_created_at_default DEFAULT SYSUTCDATETIME(),
    started_at datetimeoffset(7) NULL,
    finished_at datetimeoffset(7) NULL)

-- https://learn.microsoft.com/en-us/sql/t-sql/statements/create-table-transact-sql
CREATE TABLE elstream.table_state (
    pipeline nvarchar(100) COLLATE Latin1_General_100_BIN2 NOT NULL,
    table_id nvarchar(300) COLLATE Latin1_General_100_BIN2 NOT NULL,
    epoch int NOT NULL CONSTRAINT table_state_epoch_default DEFAULT 0,
    phase nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT table_state_phase_default DEFAULT N'new',
    run_id uniqueidentifier NULL,
    truncate_epoch int NULL,
    truncate_position nvarchar(128) COLLATE Latin1_General_100_BIN2 NULL,
    live_at nvarchar(128) COLLATE Latin1_General_100_BIN2 NULL,
    reread_until nvarchar(128) COLLATE Latin1_General_100_BIN2 NULL,
    mixed_epoch int NULL,
    rows_preloaded bigint NOT NULL CONSTRAINT table_state_rows_preloaded_default DEFAULT 0,
    events_applied bigint NOT NULL CONSTRAINT table_state_events_applied_default DEFAULT 0,
    stale nvarchar(max) COLLATE Latin1_General_100_BIN2 NULL,
    error nvarchar(max) COLLATE Latin1_General_100_BIN2 NULL,
    updated_at datetimeoffset(7) NOT NULL CONSTRAINT table_state_updated_at_default DEFAULT SYSUTCDATETIME(),
    CONSTRAINT table_state_key PRIMARY KEY CLUSTERED (pipeline, table_id))

-- https://learn.microsoft.com/en-us/sql/t-sql/statements/create-table-transact-sql
CREATE TABLE elstream.[checkpoint] (
    pipeline nvarchar(100) COLLATE Latin1_General_100_BIN2 NOT NULL,
    [partition] nvarchar(262) COLLATE Latin1_General_100_BIN2 NOT NULL,
    generation int NOT NULL,
    next_offset nvarchar(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    highest nvarchar(128) COLLATE Latin1_General_100_BIN2 NULL,
    events_applied bigint NOT NULL CONSTRAINT checkpoint_events_applied_default DEFAULT 0,
    counter bigint NULL,
    committed_at_us bigint NULL,
    applied_at datetimeoffset(7) NOT NULL CONSTRAINT checkpoint_applied_at_default DEFAULT SYSUTCDATETIME(),
    CONSTRAINT checkpoint_key PRIMARY KEY CLUSTERED (pipeline, [partition]))

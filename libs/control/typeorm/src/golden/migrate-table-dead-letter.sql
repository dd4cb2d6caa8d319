-- https://learn.microsoft.com/en-us/sql/t-sql/statements/create-table-transact-sql
CREATE TABLE elstream.dead_letter (
    id uniqueidentifier NOT NULL CONSTRAINT dead_letter_id_default DEFAULT NEWID() CONSTRAINT dead_letter_key PRIMARY KEY NONCLUSTERED,
    seq bigint IDENTITY(1, 1) NOT NULL CONSTRAINT dead_letter_seq UNIQUE CLUSTERED,
    pipeline nvarchar(100) COLLATE Latin1_General_100_BIN2 NOT NULL,
    table_id nvarchar(300) COLLATE Latin1_General_100_BIN2 NOT NULL,
    state nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT dead_letter_state_default DEFAULT N'parked'
      CONSTRAINT dead_letter_state_known CHECK (state IN (N'parked', N'replayed', N'discarded')),
    origin nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    op nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    [key] nvarchar(max) COLLATE Latin1_General_100_BIN2 NULL,
    old_key nvarchar(max) COLLATE Latin1_General_100_BIN2 NULL,
    [row] nvarchar(max) COLLATE Latin1_General_100_BIN2 NULL,
    bytes varbinary(max) NOT NULL,
    code nvarchar(100) COLLATE Latin1_General_100_BIN2 NOT NULL,
    reason nvarchar(max) COLLATE Latin1_General_100_BIN2 NOT NULL,
    position nvarchar(128) COLLATE Latin1_General_100_BIN2 NULL,
    committed_at_us bigint NULL,
    epoch int NOT NULL,
    parked_at datetimeoffset(7) NOT NULL CONSTRAINT dead_letter_parked_at_default DEFAULT SYSUTCDATETIME(),
    settled_at datetimeoffset(7) NULL,
    note nvarchar(max) COLLATE Latin1_General_100_BIN2 NULL,
    replays int NOT NULL CONSTRAINT dead_letter_replays_default DEFAULT 0)

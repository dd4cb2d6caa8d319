-- https://learn.microsoft.com/en-us/sql/t-sql/statements/create-table-transact-sql
CREATE TABLE elstream.schema_change (
    id uniqueidentifier NOT NULL CONSTRAINT schema_change_id_default DEFAULT NEWID() CONSTRAINT schema_change_key PRIMARY KEY NONCLUSTERED,
    seq bigint IDENTITY(1, 1) NOT NULL CONSTRAINT schema_change_seq UNIQUE CLUSTERED,
    pipeline nvarchar(100) COLLATE Latin1_General_100_BIN2 NOT NULL,
    table_id nvarchar(300) COLLATE Latin1_General_100_BIN2 NOT NULL,
    state nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT schema_change_state_known CHECK (state IN (N'followed', N'proposed', N'accepted', N'declined', N'obsolete')),
    change nvarchar(max) COLLATE Latin1_General_100_BIN2 NOT NULL,
    noticed_at datetimeoffset(7) NOT NULL CONSTRAINT schema_change_noticed_at_default DEFAULT SYSUTCDATETIME(),
    decided_at datetimeoffset(7) NULL)

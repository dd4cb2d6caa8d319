-- https://learn.microsoft.com/en-us/sql/t-sql/statements/create-table-transact-sql
CREATE TABLE elstream.history_due (
    id bigint IDENTITY(1, 1) NOT NULL CONSTRAINT history_due_key PRIMARY KEY CLUSTERED,
    pipeline nvarchar(100) COLLATE Latin1_General_100_BIN2 NOT NULL,
    table_id nvarchar(300) COLLATE Latin1_General_100_BIN2 NOT NULL,
    [key] nvarchar(max) COLLATE Latin1_General_100_BIN2 NULL)

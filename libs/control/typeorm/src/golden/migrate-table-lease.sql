-- https://learn.microsoft.com/en-us/sql/t-sql/statements/create-table-transact-sql
CREATE TABLE elstream.lease (
    role nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT lease_key PRIMARY KEY CLUSTERED,
    holder nvarchar(400) COLLATE Latin1_General_100_BIN2 NOT NULL,
    expires_at datetimeoffset(7) NOT NULL)

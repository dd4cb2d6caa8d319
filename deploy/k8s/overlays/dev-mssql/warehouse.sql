-- The warehouse of the sample: database testDBWH. elstream makes schemas, tables and control tables there by itself.
--
-- May be run again at any time. SQL Server 2019 or later (checksums need UTF-8 collations), as a member of sysadmin or dbcreator.
--   sqlcmd -S host -U sa -C -b -i warehouse.sql      or in SSMS as it is

SET NOCOUNT ON;
GO
IF DB_ID(N'testDBWH') IS NULL CREATE DATABASE testDBWH;
GO
-- Readers of the warehouse neither wait for the stream nor hold it up. Nobody else may be in the database while it is
-- changed: ROLLBACK IMMEDIATE ends what runs there, which is why it is done once only.
-- https://learn.microsoft.com/sql/t-sql/statements/alter-database-transact-sql-set-options
IF (SELECT is_read_committed_snapshot_on FROM sys.databases WHERE name = N'testDBWH') = 0
  ALTER DATABASE testDBWH SET READ_COMMITTED_SNAPSHOT ON WITH ROLLBACK IMMEDIATE;
GO

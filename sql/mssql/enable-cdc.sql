-- Enables CDC on the current database, on elstream's counter table and on a list of tables; those that are captured already
-- stay as they are. After this and grants.sql elstream finds nothing left to ask for, whatever few rights its login has.
--
-- Edit the list below, then run it in the source database, Agent running, as a member of sysadmin (for the database) or
-- db_owner (where the database has CDC already). May be run again at any time.
--   sqlcmd -S host -d database -U sa -C -b -i enable-cdc.sql      or in SSMS as it is
--
-- Of a system-versioned table name the current table only: its history table cannot be captured, elstream copies it.
-- While a table is enabled its schema is locked for a moment: choose a quiet one.

SET QUOTED_IDENTIFIER ON;
SET NOCOUNT ON;
GO
-- SSMS goes on behind an error; so nothing is executed then, up to the last line.
IF DB_ID() <= 4
BEGIN
  RAISERROR (N'this is a database of the server itself; go to the source database (sqlcmd -d, USE)', 11, 1);
  SET NOEXEC ON;
END;
GO
IF (SELECT is_cdc_enabled FROM sys.databases WHERE database_id = DB_ID()) = 0 EXEC sys.sp_cdc_enable_db;
GO
-- Who may read the captured changes; the login of elstream and of its connector becomes a member (grants.sql).
IF DATABASE_PRINCIPAL_ID(N'elstream_cdc') IS NULL CREATE ROLE elstream_cdc;
GO
IF SCHEMA_ID(N'elstream') IS NULL EXEC (N'CREATE SCHEMA [elstream]');
GO
-- All that elstream writes at a source; one row per pipeline. Another name: stream.counterTable of the pipeline file.
IF OBJECT_ID(N'[elstream].[counter]', N'U') IS NULL
  CREATE TABLE [elstream].[counter] (
    pipeline  nvarchar(100) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY,
    value     bigint NOT NULL,
    raised_at datetime2(3) NOT NULL,
    capture   nvarchar(max) NULL
  );
GO
DECLARE @wanted TABLE (source_schema sysname NOT NULL, source_name sysname NOT NULL);
INSERT INTO @wanted (source_schema, source_name) VALUES (N'elstream', N'counter');
-- The tables, schema and name:
INSERT INTO @wanted (source_schema, source_name) VALUES
  (N'dbo', N'orders'),
  (N'dbo', N'customers');

DECLARE @schema sysname, @name sysname, @table nvarchar(520);
WHILE EXISTS (SELECT 1 FROM @wanted)
BEGIN
  SELECT TOP (1) @schema = w.source_schema, @name = w.source_name FROM @wanted AS w ORDER BY w.source_schema, w.source_name;
  SET @table = QUOTENAME(@schema) + N'.' + QUOTENAME(@name);
  IF OBJECT_ID(@table, N'U') IS NULL
    RAISERROR (N'%s is no table of this database; correct the list', 11, 1, @table);
  ELSE IF (SELECT temporal_type FROM sys.tables WHERE object_id = OBJECT_ID(@table)) = 1
    RAISERROR (N'%s is a history table; name its current table', 11, 1, @table);
  ELSE IF EXISTS (SELECT 1 FROM cdc.change_tables WHERE source_object_id = OBJECT_ID(@table))
    PRINT @table + N' is captured already';
  ELSE
    EXEC sys.sp_cdc_enable_table @source_schema = @schema, @source_name = @name, @role_name = N'elstream_cdc', @supports_net_changes = 0;
  DELETE FROM @wanted WHERE source_schema = @schema AND source_name = @name;
END;
GO
-- Changes are kept for three days unless told otherwise. It has to be longer than Kafka Connect may ever be away: docs/sql-server.md, Retention.
-- EXEC sys.sp_cdc_change_job @job_type = N'cleanup', @retention = 10080;  -- minutes: seven days
GO
SET NOEXEC OFF;
GO

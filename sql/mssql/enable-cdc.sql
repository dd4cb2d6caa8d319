-- Enables CDC on the current database and on a list of tables; those that are captured already stay as they are.
--
-- Edit the list below, then run it in the source database, Agent running, as a member of sysadmin (for the database) or
-- db_owner (where the database has CDC already). May be run again at any time.
--   sqlcmd -S host -d database -U sa -C -b -i enable-cdc.sql      or in SSMS as it is
--
-- Of a system-versioned table name the current table only: its history table cannot be captured, elstream copies it.

SET QUOTED_IDENTIFIER ON;
SET NOCOUNT ON;
GO
IF (SELECT is_cdc_enabled FROM sys.databases WHERE database_id = DB_ID()) = 0 EXEC sys.sp_cdc_enable_db;
GO
IF DATABASE_PRINCIPAL_ID(N'elstream_cdc') IS NULL CREATE ROLE elstream_cdc;
GO
DECLARE @wanted TABLE (source_schema sysname NOT NULL, source_name sysname NOT NULL, PRIMARY KEY (source_schema, source_name));
-- The tables, schema and name:
INSERT INTO @wanted VALUES
  (N'dbo', N'orders'),
  (N'dbo', N'customers');

DECLARE @schema sysname, @name sysname, @table nvarchar(520);
DECLARE wanted CURSOR LOCAL FAST_FORWARD FOR SELECT source_schema, source_name FROM @wanted;
OPEN wanted;
FETCH NEXT FROM wanted INTO @schema, @name;
WHILE @@FETCH_STATUS = 0
BEGIN
  SET @table = QUOTENAME(@schema) + N'.' + QUOTENAME(@name);
  IF OBJECT_ID(@table, N'U') IS NULL
    RAISERROR (N'%s is no table of this database; correct the list', 11, 1, @table);
  ELSE IF (SELECT temporal_type FROM sys.tables WHERE object_id = OBJECT_ID(@table)) = 1
    RAISERROR (N'%s is a history table; name its current table', 11, 1, @table);
  ELSE IF EXISTS (SELECT 1 FROM cdc.change_tables WHERE source_object_id = OBJECT_ID(@table))
    PRINT @table + N' is captured already';
  ELSE
    EXEC sys.sp_cdc_enable_table @source_schema = @schema, @source_name = @name, @role_name = N'elstream_cdc', @supports_net_changes = 0;
  FETCH NEXT FROM wanted INTO @schema, @name;
END;
CLOSE wanted;
DEALLOCATE wanted;
GO
-- Three days is the default. It has to be longer than the longest time for which Kafka Connect may be away.
-- EXEC sys.sp_cdc_change_job @job_type = N'cleanup', @retention = 10080;  -- minutes
GO

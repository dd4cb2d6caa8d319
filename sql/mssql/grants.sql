-- The least that elstream and Debezium need, in the source and in the warehouse.
--
-- Edit the names below; the logins have to be there (CREATE LOGIN elstream WITH PASSWORD = '…'). Run it once in the source
-- database and once in the warehouse: each part looks where it is. As a member of sysadmin, as two of the rights are the
-- server's. May be run again at any time.
--   sqlcmd -S host -d database -U sa -C -b -i grants.sql      or in SSMS as it is

SET NOCOUNT ON;
SET XACT_ABORT ON;

DECLARE @connector sysname = N'elstream_connect';  -- Debezium's login: reads what was captured
DECLARE @reader    sysname = N'elstream_source';   -- preloader, validator, gateway, streamer: read tables of the source
DECLARE @writer    sysname = N'elstream_warehouse'; -- preloader, validator, streamer, gateway: own what they make in the warehouse
DECLARE @is_source bit = (SELECT is_cdc_enabled FROM sys.databases WHERE database_id = DB_ID());

DECLARE @login sysname, @sql nvarchar(max);
DECLARE users CURSOR LOCAL FAST_FORWARD FOR
  SELECT name FROM (VALUES (@connector, 1), (@reader, 1), (@writer, 0)) AS wanted (name, of_source)
   WHERE of_source = @is_source AND SUSER_ID(name) IS NOT NULL AND DATABASE_PRINCIPAL_ID(name) IS NULL;
OPEN users;
FETCH NEXT FROM users INTO @login;
WHILE @@FETCH_STATUS = 0
BEGIN
  SET @sql = N'CREATE USER ' + QUOTENAME(@login) + N' FOR LOGIN ' + QUOTENAME(@login);
  EXEC (@sql);
  FETCH NEXT FROM users INTO @login;
END;
CLOSE users;
DEALLOCATE users;

IF @is_source = 1
BEGIN
  -- Captured changes: members of the gating role that see the source tables' columns (SELECT) may ask the cdc functions.
  IF DATABASE_PRINCIPAL_ID(N'elstream_cdc') IS NULL CREATE ROLE elstream_cdc;
  IF DATABASE_PRINCIPAL_ID(@connector) IS NOT NULL
  BEGIN
    SET @sql = N'ALTER ROLE elstream_cdc ADD MEMBER ' + QUOTENAME(@connector) + N';'
      + N' ALTER ROLE db_datareader ADD MEMBER ' + QUOTENAME(@connector) + N';'
      + N' GRANT SELECT ON SCHEMA::cdc TO ' + QUOTENAME(@connector) + N';';
    EXEC (@sql);
  END;
  IF DATABASE_PRINCIPAL_ID(@reader) IS NOT NULL
  BEGIN
    -- Tables and their history; db_datareader may be replaced by GRANT SELECT on the replicated tables and their history tables.
    -- VIEW DATABASE STATE: the end of the log. VIEW DEFINITION: computed columns, keys, capture instances.
    SET @sql = N'ALTER ROLE elstream_cdc ADD MEMBER ' + QUOTENAME(@reader) + N';'
      + N' ALTER ROLE db_datareader ADD MEMBER ' + QUOTENAME(@reader) + N';'
      + N' GRANT VIEW DATABASE STATE, VIEW DEFINITION TO ' + QUOTENAME(@reader) + N';'
      + N' GRANT SELECT ON SCHEMA::cdc TO ' + QUOTENAME(@reader) + N';';
    EXEC (@sql);
    -- Raising its counter is all that elstream writes at a source.
    IF OBJECT_ID(N'elstream.counter', N'U') IS NOT NULL
    BEGIN
      SET @sql = N'GRANT SELECT, INSERT, UPDATE, DELETE ON elstream.counter TO ' + QUOTENAME(@reader) + N';';
      EXEC (@sql);
    END;
  END;
END
ELSE IF DATABASE_PRINCIPAL_ID(@writer) IS NOT NULL
BEGIN
  -- Schemas and tables are made by elstream, which owns them. In a database shared with others: CREATE TABLE and CREATE
  -- SCHEMA, and CONTROL on the schemas of its targets, take the place of db_owner.
  SET @sql = N'ALTER ROLE db_owner ADD MEMBER ' + QUOTENAME(@writer) + N';';
  EXEC (@sql);
END;
GO
-- Open transactions of all sessions are waited for before a preload reads (R4); capture's latency and the agent are watched.
-- Rights of the server are granted in master.
USE master;
GO
DECLARE @sql nvarchar(max), @login sysname;
DECLARE logins CURSOR LOCAL FAST_FORWARD FOR SELECT name FROM (VALUES (N'elstream_connect'), (N'elstream_source')) AS wanted (name) WHERE SUSER_ID(name) IS NOT NULL;
OPEN logins;
FETCH NEXT FROM logins INTO @login;
WHILE @@FETCH_STATUS = 0
BEGIN
  SET @sql = N'GRANT VIEW SERVER STATE TO ' + QUOTENAME(@login);
  EXEC (@sql);
  FETCH NEXT FROM logins INTO @login;
END;
CLOSE logins;
DEALLOCATE logins;
GO

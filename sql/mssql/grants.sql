-- The least that elstream needs, in the source and in the warehouse. One login per side: Debezium's connector signs in with
-- the login of source.url, as the preloader, the streamer, the validator and the gateway do.
--
-- Edit the two names below; their logins have to be there (CREATE LOGIN elstream_source WITH PASSWORD = '…'). Run it in the
-- source database, after enable-cdc.sql, and in the warehouse database: it looks where it is. As a member of sysadmin, since
-- one of the rights is the server's. May be run again at any time.
--   sqlcmd -S host -d database -U sa -C -b -i grants.sql      or in SSMS as it is

SET NOCOUNT ON;
GO
DECLARE @source    sysname = N'elstream_source';    -- in source.url
DECLARE @warehouse sysname = N'elstream_warehouse'; -- in warehouse.url
DECLARE @schema    sysname = N'dbo';                -- of the targets, where it stands already: elstream owns those it makes

DECLARE @is_source bit = (SELECT is_cdc_enabled FROM sys.databases WHERE database_id = DB_ID());
DECLARE @login sysname = CASE @is_source WHEN 1 THEN @source ELSE @warehouse END;
DECLARE @user nvarchar(260) = QUOTENAME(@login), @sql nvarchar(max);

IF SUSER_ID(@login) IS NULL
BEGIN
  RAISERROR (N'there is no login %s; create it, or correct the name', 11, 1, @login);
  RETURN;
END;
IF DATABASE_PRINCIPAL_ID(@login) IS NULL
BEGIN
  SET @sql = N'CREATE USER ' + @user + N' FOR LOGIN ' + @user;
  EXEC (@sql);
END;

IF @is_source = 1
BEGIN
  -- Captured changes are shown to members of the role that gates them who may also SELECT from the source table.
  SET @sql = N'ALTER ROLE [elstream_cdc] ADD MEMBER ' + @user + N';'
    + N' GRANT SELECT ON SCHEMA::[cdc] TO ' + @user + N';'
  -- The tables and their history tables. In place of the role, for some tables only:
  -- GRANT SELECT ON [dbo].[orders] TO … and GRANT SELECT ON [dbo].[orders_archive] TO …
    + N' ALTER ROLE [db_datareader] ADD MEMBER ' + @user + N';'
  -- Where the log ends. SQL Server 2022 and later: VIEW DATABASE PERFORMANCE STATE suffices.
    + N' GRANT VIEW DATABASE STATE TO ' + @user + N';'
  -- Whether a security policy hides rows.
    + N' GRANT VIEW DEFINITION TO ' + @user + N';';
  EXEC (@sql);
  -- Only where columns are masked (dynamic data masking) and their values are wanted:
  -- GRANT UNMASK TO …
  IF OBJECT_ID(N'[elstream].[counter]', N'U') IS NULL
    PRINT N'no counter table yet: run enable-cdc.sql, then this script again';
  ELSE
  BEGIN
    SET @sql = N'GRANT SELECT, INSERT, UPDATE, DELETE ON [elstream].[counter] TO ' + @user + N';';
    EXEC (@sql);
  END;
  -- Transactions in progress of all sessions, which a preload waits for; how far a replica is; whether the Agent runs. SQL Server
  -- 2022 and later: VIEW SERVER PERFORMANCE STATE and VIEW SERVER SECURITY STATE suffice. On a readable secondary that
  -- source.readUrl names run this one there, in master.
  SET @sql = N'GRANT VIEW SERVER STATE TO ' + @user + N';'
  -- Everybody has it unless somebody took it away: which database this is, and of which fork of its log.
    + N' GRANT VIEW ANY DATABASE TO ' + @user + N';';
  EXEC master.sys.sp_executesql @sql;
END
ELSE
BEGIN
  -- Schemas are made by elstream, which owns them and what is in them: its control tables in [elstream], the targets in theirs.
  SET @sql = N'GRANT CREATE SCHEMA TO ' + @user + N'; GRANT CREATE TABLE TO ' + @user + N'; GRANT CREATE FUNCTION TO ' + @user + N';'
  -- A view of loads stands among the control tables.
    + N' GRANT CREATE VIEW TO ' + @user + N';'
  -- What hangs on the targets (views, policies) and would keep them from being altered.
    + N' GRANT VIEW DEFINITION TO ' + @user + N'; GRANT SELECT ON [sys].[sql_expression_dependencies] TO ' + @user + N';';
  IF SCHEMA_ID(@schema) IS NOT NULL SET @sql = @sql + N' GRANT CONTROL ON SCHEMA::' + QUOTENAME(@schema) + N' TO ' + @user + N';';
  EXEC (@sql);
END;
GO

-- The least that elstream needs, in the source and in the warehouse. One login per side: Debezium's connector signs in with
-- the login of source.url, as the preloader, the streamer, the validator and the gateway do.
--
-- Edit the names below; the logins have to be there (CREATE LOGIN elstream_source WITH PASSWORD = '…'). Run it in the source
-- database, after enable-cdc.sql, and in the warehouse database: it looks where it is, and does nothing anywhere else. As a
-- member of sysadmin, since some of the rights are the server's. May be run again at any time.
--   sqlcmd -S host -d database -U sa -C -b -i grants.sql      or in SSMS as it is

SET NOCOUNT ON;
GO
DECLARE @source_database    sysname = N'testDB';             -- of source.url
DECLARE @source             sysname = N'elstream_source';    -- its login
DECLARE @warehouse_database sysname = N'testDBWH';           -- of warehouse.url
DECLARE @warehouse          sysname = N'elstream_warehouse'; -- its login
-- Schemas of the warehouse that stand already: of targets, and elstream's own if another login made it. Those that the login
-- makes by itself it owns.
DECLARE @schemas TABLE (name sysname NOT NULL);
INSERT INTO @schemas (name) VALUES (N'elstream'), (N'dbo');

DECLARE @here sysname = DB_NAME();
IF DB_ID() NOT IN (ISNULL(DB_ID(@source_database), 0), ISNULL(DB_ID(@warehouse_database), 0))
BEGIN
  RAISERROR (N'%s is neither the source nor the warehouse that this script names; edit the names, or go to the database', 11, 1, @here);
  RETURN;
END;
DECLARE @is_source bit = CASE WHEN DB_ID() = DB_ID(@source_database) THEN 1 ELSE 0 END;
DECLARE @login sysname = CASE @is_source WHEN 1 THEN @source ELSE @warehouse END;
IF SUSER_ID(@login) IS NULL
BEGIN
  RAISERROR (N'there is no login %s; create it, or correct the name', 11, 1, @login);
  RETURN;
END;
IF @is_source = 1 AND (SELECT is_cdc_enabled FROM sys.databases WHERE database_id = DB_ID()) = 0
BEGIN
  RAISERROR (N'changes of %s are not captured yet; run enable-cdc.sql first', 11, 1, @here);
  RETURN;
END;

DECLARE @name sysname = (SELECT p.name FROM sys.server_principals AS l JOIN sys.database_principals AS p ON p.sid = l.sid WHERE l.name = @login), @sql nvarchar(max);
IF @name = N'dbo'
BEGIN
  RAISERROR (N'login %s owns this database, so nothing can be granted to it here; name another one', 11, 1, @login);
  RETURN;
END;
IF @name IS NULL AND DATABASE_PRINCIPAL_ID(@login) IS NOT NULL
BEGIN
  -- As in a database that came from another server.
  RAISERROR (N'user %s belongs to another login; run ALTER USER ... WITH LOGIN = ..., or drop the user', 11, 1, @login);
  RETURN;
END;
IF @name IS NULL
BEGIN
  SET @sql = N'CREATE USER ' + QUOTENAME(@login) + N' FOR LOGIN ' + QUOTENAME(@login);
  EXEC (@sql);
  SET @name = @login;
END;
DECLARE @user nvarchar(260) = QUOTENAME(@name);

IF @is_source = 1
BEGIN
  IF DATABASE_PRINCIPAL_ID(N'elstream_cdc') IS NULL CREATE ROLE elstream_cdc;
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
  -- 2022 and later: VIEW SERVER PERFORMANCE STATE and VIEW SERVER SECURITY STATE suffice. Rights of a server stay on that server:
  -- the two are wanted on each replica that source.url, source.readUrl or the connector may lead to.
  SET @sql = N'GRANT VIEW SERVER STATE TO ' + QUOTENAME(@login) + N';'
  -- Everybody has it unless somebody took it away: which database this is, and of which fork of its log.
    + N' GRANT VIEW ANY DATABASE TO ' + QUOTENAME(@login) + N';';
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
  -- Nothing can be granted on a schema to the one who owns it.
  SET @sql = @sql + ISNULL((
    SELECT STRING_AGG(CONVERT(nvarchar(max), N' GRANT ALTER, SELECT, INSERT, UPDATE, DELETE ON SCHEMA::' + QUOTENAME(s.name) + N' TO ' + @user + N';'), N'')
      FROM @schemas AS w JOIN sys.schemas AS s ON s.name = w.name COLLATE DATABASE_DEFAULT
     WHERE s.principal_id <> DATABASE_PRINCIPAL_ID(@name)), N'');
  EXEC (@sql);
END;
GO

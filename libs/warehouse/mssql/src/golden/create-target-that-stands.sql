SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT 10000; SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @lock int = 0;
BEGIN TRANSACTION;
EXEC @lock = sp_getapplock @Resource = N'elstream:ddl:eb61e6b7f43d94f03f4e7e147be157b7', @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = 10000;
IF @lock < 0
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'locked-out' AS outcome, @lock AS code;
  RETURN;
END;
IF ISNULL((SELECT c.column_id AS id, c.[name] AS [name], y.[name] AS [type], c.max_length AS bytes, c.[precision] AS [precision], c.scale AS scale, c.collation_name AS [collation],
        c.is_nullable AS nullable, c.is_identity AS [identity], c.is_computed AS computed, c.generated_always_type AS generated, c.default_object_id AS default_id
   FROM sys.columns AS c JOIN sys.types AS y ON y.user_type_id = c.system_type_id WHERE c.object_id = OBJECT_ID(N'[o''dbo].[order]]lines]', N'U') ORDER BY c.column_id FOR JSON PATH), N'') COLLATE Latin1_General_100_BIN2 <> N'[{"name":"region"},{"name":"id"},{"name":"price"},{"name":"gone"},{"name":"__elstream_epoch"},{"name":"__elstream_position"}]'
 OR ISNULL((SELECT c.column_id AS id, c.[name] AS [name], y.[name] AS [type], c.max_length AS bytes, c.[precision] AS [precision], c.scale AS scale, c.collation_name AS [collation],
        c.is_nullable AS nullable, c.is_identity AS [identity], c.is_computed AS computed, c.generated_always_type AS generated, c.default_object_id AS default_id
   FROM sys.columns AS c JOIN sys.types AS y ON y.user_type_id = c.system_type_id WHERE c.object_id = OBJECT_ID(N'[elstream].[marker_c8082f3db458b9a4]', N'U') ORDER BY c.column_id FOR JSON PATH), N'') COLLATE Latin1_General_100_BIN2 <> N'[{"name":"region"},{"name":"id"},{"name":"__elstream_epoch"},{"name":"__elstream_position"}]'
 OR ISNULL((SELECT c.column_id AS id, c.[name] AS [name], y.[name] AS [type], c.max_length AS bytes, c.[precision] AS [precision], c.scale AS scale, c.collation_name AS [collation],
        c.is_nullable AS nullable, c.is_identity AS [identity], c.is_computed AS computed, c.generated_always_type AS generated, c.default_object_id AS default_id
   FROM sys.columns AS c JOIN sys.types AS y ON y.user_type_id = c.system_type_id WHERE c.object_id = OBJECT_ID(N'[o''dbo].[order]]lines_archive]', N'U') ORDER BY c.column_id FOR JSON PATH), N'') COLLATE Latin1_General_100_BIN2 <> N'[{"name":"region"},{"name":"id"},{"name":"price"},{"name":"valid_from"},{"name":"valid_to"},{"name":"deleted"},{"name":"__elstream_approximate"},{"name":"__elstream_position"}]'
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'moved' AS outcome;
  RETURN;
END;
IF SCHEMA_ID(N'o''dbo') IS NULL BEGIN
  EXEC sys.sp_executesql N'CREATE SCHEMA [o''dbo]';
  IF @@ERROR <> 0
  BEGIN
    IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
    RETURN;
  END;
END;
IF OBJECT_ID(N'[o''dbo].[order]]lines]', N'U') IS NULL CREATE TABLE [o'dbo].[order]]lines] ([region] nvarchar(10) COLLATE Latin1_General_100_BIN2 NOT NULL, [id] bigint NOT NULL, [price] decimal(19,4) NULL, [ratio] float NULL, [picture] varbinary(max) NULL, [at] datetimeoffset(7) NULL, [note]]s] nvarchar(max) NULL, __elstream_epoch int NOT NULL, __elstream_position varbinary(16) NULL, PRIMARY KEY CLUSTERED ([region], [id]));
IF EXISTS (SELECT 1 FROM sys.tables AS e WHERE e.object_id = OBJECT_ID(N'[o''dbo].[order]]lines]', N'U') AND e.lock_escalation <> 1) ALTER TABLE [o'dbo].[order]]lines] SET (LOCK_ESCALATION = DISABLE);
IF NOT EXISTS (SELECT 1 FROM elstream.table_state WHERE pipeline = @pipeline AND table_id = @table AND phase NOT IN (N'new', N'stopped')) DROP TABLE [elstream].[marker_c8082f3db458b9a4];
IF OBJECT_ID(N'[elstream].[marker_c8082f3db458b9a4]', N'U') IS NULL CREATE TABLE [elstream].[marker_c8082f3db458b9a4] ([region] nvarchar(10) COLLATE Latin1_General_100_BIN2 NOT NULL, [id] bigint NOT NULL, __elstream_epoch int NOT NULL, __elstream_position varbinary(16) NULL, PRIMARY KEY CLUSTERED ([region], [id]));
IF EXISTS (SELECT 1 FROM sys.tables AS e WHERE e.object_id = OBJECT_ID(N'[elstream].[marker_c8082f3db458b9a4]', N'U') AND e.lock_escalation <> 1) ALTER TABLE [elstream].[marker_c8082f3db458b9a4] SET (LOCK_ESCALATION = DISABLE);
BEGIN
  EXEC sys.sp_executesql N'ALTER TABLE [o''dbo].[order]]lines] ADD __elstream_valid_from datetime2(6) NULL';
  IF @@ERROR <> 0
  BEGIN
    IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
    RETURN;
  END;
END;
IF SCHEMA_ID(N'o''dbo') IS NULL BEGIN
  EXEC sys.sp_executesql N'CREATE SCHEMA [o''dbo]';
  IF @@ERROR <> 0
  BEGIN
    IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
    RETURN;
  END;
END;
IF OBJECT_ID(N'[o''dbo].[order]]lines_archive]', N'U') IS NULL CREATE TABLE [o'dbo].[order]]lines_archive] ([region] nvarchar(10) COLLATE Latin1_General_100_BIN2 NULL, [id] bigint NULL, [price] decimal(19,4) NULL, [ratio] float NULL, [picture] varbinary(max) NULL, [at] datetimeoffset(7) NULL, [note]]s] nvarchar(max) NULL, [valid_from] datetime2(6) NULL, [valid_to] datetime2(6) NULL, [deleted] bit NOT NULL, [__elstream_approximate] bit NOT NULL DEFAULT 0, [__elstream_position] varbinary(16) NULL, [__elstream_change] varbinary(128) NULL);
IF EXISTS (SELECT 1 FROM sys.tables AS e WHERE e.object_id = OBJECT_ID(N'[o''dbo].[order]]lines_archive]', N'U') AND e.lock_escalation <> 1) ALTER TABLE [o'dbo].[order]]lines_archive] SET (LOCK_ESCALATION = DISABLE);
BEGIN
  EXEC sys.sp_executesql N'ALTER TABLE [o''dbo].[order]]lines_archive] ADD __elstream_change varbinary(128) NULL';
  IF @@ERROR <> 0
  BEGIN
    IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
    RETURN;
  END;
END;
IF NOT EXISTS (SELECT 1 FROM sys.indexes WHERE object_id = OBJECT_ID(N'[o''dbo].[order]]lines_archive]', N'U') AND LEFT([name], 33) = N'elstream_history_c8082f3db458b9a4') BEGIN
  EXEC sys.sp_executesql N'CREATE INDEX [elstream_history_c8082f3db458b9a4] ON [o''dbo].[order]]lines_archive] ([region], [id])';
  IF @@ERROR <> 0
  BEGIN
    IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
    RETURN;
  END;
END;
IF NOT EXISTS (SELECT 1 FROM sys.indexes WHERE object_id = OBJECT_ID(N'[o''dbo].[order]]lines_archive]', N'U') AND LEFT([name], 32) = N'elstream_change_c8082f3db458b9a4') BEGIN
  EXEC sys.sp_executesql N'CREATE INDEX [elstream_change_c8082f3db458b9a4] ON [o''dbo].[order]]lines_archive] (__elstream_change) WHERE __elstream_change IS NOT NULL';
  IF @@ERROR <> 0
  BEGIN
    IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
    RETURN;
  END;
END;
IF OBJECT_ID(N'[o''dbo].[order]]lines_as_of]', N'IF') IS NULL BEGIN
  EXEC sys.sp_executesql N'CREATE FUNCTION [o''dbo].[order]]lines_as_of] (@at datetimeoffset(7)) RETURNS TABLE AS RETURN
(SELECT t.[region], t.[id], t.[price], t.[gone], t.[__elstream_epoch], t.[__elstream_position], t.[__elstream_valid_from] FROM [o''dbo].[order]]lines] AS t WHERE (t.__elstream_valid_from <= CONVERT(datetime2(6), CONVERT(datetime2(7), SWITCHOFFSET(@at, ''+00:00'')))) OR (t.__elstream_valid_from IS NULL AND NOT EXISTS (SELECT 1 FROM [o''dbo].[order]]lines_archive] AS h WHERE h.[region] = t.[region] AND DATALENGTH(h.[region]) = DATALENGTH(t.[region]) AND h.[id] = t.[id] AND h.[valid_to] > CONVERT(datetime2(6), CONVERT(datetime2(7), SWITCHOFFSET(@at, ''+00:00'')))))
 UNION ALL
 SELECT h.[region] AS [region], h.[id] AS [id], h.[price] AS [price], NULL AS [gone], CONVERT(int, NULL) AS [__elstream_epoch], CONVERT(varbinary(16), NULL) AS [__elstream_position], h.[valid_from] AS [__elstream_valid_from] FROM [o''dbo].[order]]lines_archive] AS h WHERE (h.[valid_from] IS NULL OR h.[valid_from] <= CONVERT(datetime2(6), CONVERT(datetime2(7), SWITCHOFFSET(@at, ''+00:00'')))) AND h.[valid_to] > CONVERT(datetime2(6), CONVERT(datetime2(7), SWITCHOFFSET(@at, ''+00:00''))))';
  IF @@ERROR <> 0
  BEGIN
    IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
    RETURN;
  END;
END ELSE IF ISNULL(RIGHT(OBJECT_DEFINITION(OBJECT_ID(N'[o''dbo].[order]]lines_as_of]', N'IF')), 1145), N'') COLLATE Latin1_General_100_BIN2 <> N'FUNCTION [o''dbo].[order]]lines_as_of] (@at datetimeoffset(7)) RETURNS TABLE AS RETURN
(SELECT t.[region], t.[id], t.[price], t.[gone], t.[__elstream_epoch], t.[__elstream_position], t.[__elstream_valid_from] FROM [o''dbo].[order]]lines] AS t WHERE (t.__elstream_valid_from <= CONVERT(datetime2(6), CONVERT(datetime2(7), SWITCHOFFSET(@at, ''+00:00'')))) OR (t.__elstream_valid_from IS NULL AND NOT EXISTS (SELECT 1 FROM [o''dbo].[order]]lines_archive] AS h WHERE h.[region] = t.[region] AND DATALENGTH(h.[region]) = DATALENGTH(t.[region]) AND h.[id] = t.[id] AND h.[valid_to] > CONVERT(datetime2(6), CONVERT(datetime2(7), SWITCHOFFSET(@at, ''+00:00'')))))
 UNION ALL
 SELECT h.[region] AS [region], h.[id] AS [id], h.[price] AS [price], NULL AS [gone], CONVERT(int, NULL) AS [__elstream_epoch], CONVERT(varbinary(16), NULL) AS [__elstream_position], h.[valid_from] AS [__elstream_valid_from] FROM [o''dbo].[order]]lines_archive] AS h WHERE (h.[valid_from] IS NULL OR h.[valid_from] <= CONVERT(datetime2(6), CONVERT(datetime2(7), SWITCHOFFSET(@at, ''+00:00'')))) AND h.[valid_to] > CONVERT(datetime2(6), CONVERT(datetime2(7), SWITCHOFFSET(@at, ''+00:00''))))' BEGIN
  EXEC sys.sp_executesql N'ALTER FUNCTION [o''dbo].[order]]lines_as_of] (@at datetimeoffset(7)) RETURNS TABLE AS RETURN
(SELECT t.[region], t.[id], t.[price], t.[gone], t.[__elstream_epoch], t.[__elstream_position], t.[__elstream_valid_from] FROM [o''dbo].[order]]lines] AS t WHERE (t.__elstream_valid_from <= CONVERT(datetime2(6), CONVERT(datetime2(7), SWITCHOFFSET(@at, ''+00:00'')))) OR (t.__elstream_valid_from IS NULL AND NOT EXISTS (SELECT 1 FROM [o''dbo].[order]]lines_archive] AS h WHERE h.[region] = t.[region] AND DATALENGTH(h.[region]) = DATALENGTH(t.[region]) AND h.[id] = t.[id] AND h.[valid_to] > CONVERT(datetime2(6), CONVERT(datetime2(7), SWITCHOFFSET(@at, ''+00:00'')))))
 UNION ALL
 SELECT h.[region] AS [region], h.[id] AS [id], h.[price] AS [price], NULL AS [gone], CONVERT(int, NULL) AS [__elstream_epoch], CONVERT(varbinary(16), NULL) AS [__elstream_position], h.[valid_from] AS [__elstream_valid_from] FROM [o''dbo].[order]]lines_archive] AS h WHERE (h.[valid_from] IS NULL OR h.[valid_from] <= CONVERT(datetime2(6), CONVERT(datetime2(7), SWITCHOFFSET(@at, ''+00:00'')))) AND h.[valid_to] > CONVERT(datetime2(6), CONVERT(datetime2(7), SWITCHOFFSET(@at, ''+00:00''))))';
  IF @@ERROR <> 0
  BEGIN
    IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
    RETURN;
  END;
END;
IF NOT EXISTS (SELECT 1 FROM elstream.table_state WHERE pipeline = @pipeline AND table_id = @table AND epoch > 0)
BEGIN
  DECLARE @highest int = 0;
BEGIN
  EXEC sys.sp_executesql N'SELECT @highest = ISNULL(MAX(__elstream_epoch), 0) FROM [o''dbo].[order]]lines]', N'@highest int OUTPUT', @highest = @highest OUTPUT;
  IF @@ERROR <> 0
  BEGIN
    IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
    RETURN;
  END;
END;
  UPDATE elstream.table_state SET epoch = @highest WHERE pipeline = @pipeline AND table_id = @table AND epoch = 0;
  IF @@ROWCOUNT = 0 INSERT INTO elstream.table_state (pipeline, table_id, epoch) VALUES (@pipeline, @table, @highest);
END;
COMMIT TRANSACTION;
SELECT N'created' AS outcome;

SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT 10000; SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @lock int = 0, @lane int = 0, @resource nvarchar(255);
BEGIN TRANSACTION;
IF @lock >= 0 EXEC @lock = sp_getapplock @Resource = N'elstream:8d9001d32c6a703d95921a77115050f3', @LockMode = N'Shared', @LockOwner = N'Transaction', @LockTimeout = 10000;
SET @lane = 0;
WHILE @lock >= 0 AND @lane < 16
BEGIN
  SET @resource = CONCAT(N'elstream:c8082f3db458b9a4a9fd31a7d1c24ad6:', @lane);
  IF @lock >= 0 EXEC @lock = sp_getapplock @Resource = @resource, @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = 10000;
  SET @lane = @lane + 1;
END;
IF @lock < 0
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'locked-out' AS outcome, @lock AS code;
  RETURN;
END;
DECLARE @now datetime2(6) = SYSUTCDATETIME();
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
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'moved' AS outcome;
  RETURN;
END;
SET LOCK_TIMEOUT 3000;
ALTER TABLE [o'dbo].[order]]lines] DROP CONSTRAINT [PK_order]]lines];
BEGIN
  EXEC sys.sp_executesql N'ALTER TABLE [o''dbo].[order]]lines] ALTER COLUMN [id] bigint NOT NULL';
  IF @@ERROR <> 0
  BEGIN
    IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
    RETURN;
  END;
END;
BEGIN
  EXEC sys.sp_executesql N'ALTER TABLE [o''dbo].[order]]lines] ALTER COLUMN [price] decimal(19,4) NULL';
  IF @@ERROR <> 0
  BEGIN
    IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
    RETURN;
  END;
END;
BEGIN
  EXEC sys.sp_executesql N'ALTER TABLE [o''dbo].[order]]lines] ADD [ratio] float NULL';
  IF @@ERROR <> 0
  BEGIN
    IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
    RETURN;
  END;
END;
BEGIN
  EXEC sys.sp_executesql N'ALTER TABLE [o''dbo].[order]]lines] ADD [picture] varbinary(max) NULL';
  IF @@ERROR <> 0
  BEGIN
    IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
    RETURN;
  END;
END;
BEGIN
  EXEC sys.sp_executesql N'ALTER TABLE [o''dbo].[order]]lines] ADD [at] datetimeoffset(7) NULL';
  IF @@ERROR <> 0
  BEGIN
    IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
    RETURN;
  END;
END;
BEGIN
  EXEC sys.sp_executesql N'ALTER TABLE [o''dbo].[order]]lines] ADD [note]]s] nvarchar(max) NULL';
  IF @@ERROR <> 0
  BEGIN
    IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
    RETURN;
  END;
END;
BEGIN
  EXEC sys.sp_executesql N'ALTER TABLE [o''dbo].[order]]lines] ALTER COLUMN [gone] int NULL';
  IF @@ERROR <> 0
  BEGIN
    IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
    RETURN;
  END;
END;
BEGIN
  EXEC sys.sp_executesql N'ALTER TABLE [o''dbo].[order]]lines] ADD CONSTRAINT [PK_order]]lines] PRIMARY KEY CLUSTERED ([region], [id])';
  IF @@ERROR <> 0
  BEGIN
    IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
    RETURN;
  END;
END;
ALTER TABLE [elstream].[marker_c8082f3db458b9a4] DROP CONSTRAINT [PK_marker];
BEGIN
  EXEC sys.sp_executesql N'ALTER TABLE [elstream].[marker_c8082f3db458b9a4] ALTER COLUMN [id] bigint NOT NULL';
  IF @@ERROR <> 0
  BEGIN
    IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
    RETURN;
  END;
END;
BEGIN
  EXEC sys.sp_executesql N'ALTER TABLE [elstream].[marker_c8082f3db458b9a4] ADD CONSTRAINT [PK_marker] PRIMARY KEY CLUSTERED ([region], [id])';
  IF @@ERROR <> 0
  BEGIN
    IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
    RETURN;
  END;
END;
UPDATE s SET stale = CASE WHEN x.list IS NULL THEN NULL ELSE CONCAT(N'columns were added at the source: ', N'[', x.list, N']') END, updated_at = @now
  FROM elstream.table_state AS s
 CROSS APPLY (SELECT STRING_AGG(CONVERT(nvarchar(max), CONCAT(N'"', STRING_ESCAPE(a.[value], 'json'), N'"')), N',') WITHIN GROUP (ORDER BY CONVERT(int, a.[key])) AS list FROM OPENJSON(CASE WHEN s.stale LIKE N'columns were added at the source: %' THEN SUBSTRING(s.stale, 35, DATALENGTH(s.stale)) ELSE N'[]' END) AS a
               WHERE a.[value] COLLATE Latin1_General_100_BIN2 NOT IN (SELECT d.[value] COLLATE Latin1_General_100_BIN2 FROM OPENJSON(@dropped) AS d)) AS x
 WHERE s.pipeline = @pipeline AND s.table_id = @table AND s.stale LIKE N'columns were added at the source: %';
UPDATE s SET stale = CONCAT(N'columns were added at the source: ', @added), updated_at = @now FROM elstream.table_state AS s
 WHERE s.pipeline = @pipeline AND s.table_id = @table
   AND NOT EXISTS (SELECT 1 FROM elstream.pipeline_table AS p WHERE p.pipeline = s.pipeline AND p.table_id = s.table_id
                     AND NOT EXISTS (SELECT 1 FROM OPENJSON(@added) AS a WHERE a.[value] COLLATE Latin1_General_100_BIN2 NOT IN
                                      (SELECT c.source COLLATE Latin1_General_100_BIN2 FROM OPENJSON(p.mapping, '$.columns') WITH (source nvarchar(max) '$.source') AS c)));
COMMIT TRANSACTION;
SELECT N'evolved' AS outcome;

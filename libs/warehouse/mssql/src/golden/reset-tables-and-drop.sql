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
UPDATE elstream.table_state SET phase = N'new', run_id = NULL, live_at = NULL, reread_until = NULL, truncate_epoch = NULL, truncate_position = NULL,
       rows_preloaded = 0, stale = NULL, error = NULL, updated_at = @now WHERE pipeline = @pipeline AND table_id IN (SELECT j.[value] COLLATE Latin1_General_100_BIN2 FROM OPENJSON(@tables) AS j);
UPDATE elstream.dead_letter SET state = N'discarded', settled_at = @now, note = @note WHERE pipeline = @pipeline AND table_id IN (SELECT j.[value] COLLATE Latin1_General_100_BIN2 FROM OPENJSON(@tables) AS j) AND state = N'parked';
EXEC @lock = sp_getapplock @Resource = N'elstream:ddl:eb61e6b7f43d94f03f4e7e147be157b7', @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = 10000;
IF @lock < 0
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'locked-out' AS outcome, @lock AS code;
  RETURN;
END;
SET LOCK_TIMEOUT 3000;
IF OBJECT_ID(N'[elstream].[marker_c8082f3db458b9a4]', N'U') IS NOT NULL DELETE m FROM [elstream].[marker_c8082f3db458b9a4] AS m WITH (TABLOCKX);
DROP FUNCTION IF EXISTS [o'dbo].[order]]lines_as_of];
DROP TABLE IF EXISTS [o'dbo].[order]]lines];
DROP TABLE IF EXISTS [o'dbo].[order]]lines_archive];
DELETE FROM elstream.history_due WHERE pipeline = @pipeline AND table_id IN (SELECT j.[value] COLLATE Latin1_General_100_BIN2 FROM OPENJSON(@tables) AS j);
COMMIT TRANSACTION;
SELECT N'reset' AS outcome;

SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT 10000; SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @lock int = 0, @lane int = 0, @resource nvarchar(255);
DECLARE @epoch0 int, @phase0 nvarchar(64), @run0 uniqueidentifier, @uses0 bit; DECLARE @swept bigint = 0;
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
SELECT @epoch0 = s.epoch,
       @phase0 = s.phase,
       @run0 = s.run_id,
       @uses0 = CASE WHEN EXISTS (SELECT 1 FROM elstream.open_use AS u WHERE u.pipeline = s.pipeline AND u.table_id = s.table_id)
         OR EXISTS (SELECT 1 FROM elstream.dead_letter AS d WHERE d.pipeline = s.pipeline AND d.table_id = s.table_id AND d.state = N'parked') THEN 1 ELSE 0 END
  FROM elstream.table_state AS s WHERE s.pipeline = @pipeline AND s.table_id = @table;
IF @epoch0 IS NULL
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'not-prepared' AS outcome;
  RETURN;
END;
IF @claimEpoch IS NULL OR @epoch0 <> @claimEpoch OR @run0 IS NULL OR @run0 <> @claimRun
   OR NOT EXISTS (SELECT 1 FROM elstream.task WHERE id = @task AND attempt = @attempt AND run_id = @claimRun AND state = N'running')
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'lost' AS outcome;
  RETURN;
END;
IF @phase0 IN (N'catching-up', N'live')
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'done' AS outcome, @swept AS swept;
  RETURN;
END;
IF @phase0 <> N'preloading' OR EXISTS (SELECT 1 FROM elstream.task WHERE run_id = @claimRun AND table_id = @table AND kind = N'preload-chunk' AND state <> N'done')
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'lost' AS outcome;
  RETURN;
END;
IF EXISTS (SELECT 1 FROM [o'dbo].[order]]lines] WHERE __elstream_epoch < @epoch0)
BEGIN
INSERT INTO [o'dbo].[order]]lines_archive] WITH (TABLOCKX) ([region], [id], [price], [ratio], [picture], [at], [note]]s], [valid_from], [valid_to], [deleted], __elstream_approximate, __elstream_position) SELECT t.[region], t.[id], t.[price], t.[ratio], t.[picture], t.[at], t.[note]]s], t.__elstream_valid_from, CASE WHEN @now IS NULL OR t.__elstream_valid_from > @now THEN t.__elstream_valid_from ELSE @now END, 1, 1, CONVERT(varbinary(16), NULL) FROM [o'dbo].[order]]lines] AS t WHERE t.__elstream_epoch < @epoch0;
  DELETE t FROM [o'dbo].[order]]lines] AS t WITH (TABLOCKX) WHERE t.__elstream_epoch < @epoch0;
  SET @swept = @@ROWCOUNT;
END;
IF @uses0 = 0 DELETE m FROM [elstream].[marker_c8082f3db458b9a4] AS m WITH (TABLOCKX);
UPDATE elstream.table_state SET phase = N'catching-up', live_at = NULL, updated_at = @now WHERE pipeline = @pipeline AND table_id = @table;
UPDATE s SET stale = NULL FROM elstream.table_state AS s WHERE s.pipeline = @pipeline AND s.table_id = @table AND s.stale LIKE N'log gap: %';
IF NOT EXISTS (SELECT 1 FROM elstream.task WITH (UPDLOCK) WHERE id = @task AND attempt = @attempt AND run_id = @claimRun AND state = N'running')
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'lost' AS outcome;
  RETURN;
END;
COMMIT TRANSACTION;
SELECT N'done' AS outcome, @swept AS swept;

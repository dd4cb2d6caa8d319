SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT 10000; SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @lock int = 0, @lane int = 0, @resource nvarchar(255);
DECLARE @epoch0 int, @phase0 nvarchar(64), @run0 uniqueidentifier, @truncated0 nvarchar(128); DECLARE @fill int, @filled bigint = 0, @parked bigint = 0, @stopped nvarchar(max);
BEGIN TRANSACTION;
IF @lock >= 0 EXEC @lock = sp_getapplock @Resource = N'elstream:8d9001d32c6a703d95921a77115050f3', @LockMode = N'Shared', @LockOwner = N'Transaction', @LockTimeout = 10000;
SET @lane = 0;
WHILE @lock >= 0 AND @lane < 16
BEGIN
  SET @resource = CONCAT(N'elstream:c8082f3db458b9a4a9fd31a7d1c24ad6:', @lane);
  IF @lock >= 0 EXEC @lock = sp_getapplock @Resource = @resource, @LockMode = N'Shared', @LockOwner = N'Transaction', @LockTimeout = 10000;
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
       @truncated0 = CASE WHEN s.truncate_epoch = s.epoch THEN s.truncate_position END
  FROM elstream.table_state AS s WHERE s.pipeline = @pipeline AND s.table_id = @table;
IF @epoch0 IS NULL
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'not-prepared' AS outcome;
  RETURN;
END;
IF @claimEpoch IS NULL OR @epoch0 <> @claimEpoch OR @run0 IS NULL OR @run0 <> @claimRun OR @phase0 <> N'preloading'
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'lost' AS outcome;
  RETURN;
END;
SET @fill = @epoch0;
IF @truncated0 IS NULL
BEGIN
UPDATE t SET t.[price] = s.c2, t.[ratio] = s.c3, t.[picture] = s.c4, t.[at] = s.c5, t.[note]]s] = s.c6, t.__elstream_epoch = @fill, t.__elstream_position = CONVERT(varbinary(16), NULL)
  FROM [o'dbo].[order]]lines] AS t WITH (FORCESEEK) JOIN #chunk AS s ON t.[region] = s.c0 AND DATALENGTH(t.[region]) = DATALENGTH(s.c0) AND t.[id] = s.c1 WHERE s.ord >= @from0 AND s.ord < @to0 AND NOT EXISTS (SELECT 1 FROM [elstream].[marker_c8082f3db458b9a4] AS m WITH (FORCESEEK) WHERE m.[region] = s.c0 AND DATALENGTH(m.[region]) = DATALENGTH(s.c0) AND m.[id] = s.c1 AND m.__elstream_epoch >= @fill) AND (t.__elstream_epoch < @fill OR (t.__elstream_epoch = @fill AND t.__elstream_position IS NULL));
SET @filled = @filled + @@ROWCOUNT;
INSERT INTO [o'dbo].[order]]lines] ([region], [id], [price], [ratio], [picture], [at], [note]]s], __elstream_epoch, __elstream_position)
SELECT s.c0, s.c1, s.c2, s.c3, s.c4, s.c5, s.c6, @fill, CONVERT(varbinary(16), NULL) FROM #chunk AS s WHERE s.ord >= @from0 AND s.ord < @to0 AND NOT EXISTS (SELECT 1 FROM [elstream].[marker_c8082f3db458b9a4] AS m WITH (FORCESEEK) WHERE m.[region] = s.c0 AND DATALENGTH(m.[region]) = DATALENGTH(s.c0) AND m.[id] = s.c1 AND m.__elstream_epoch >= @fill) AND NOT EXISTS (SELECT 1 FROM [o'dbo].[order]]lines] AS t WITH (FORCESEEK) WHERE t.[region] = s.c0 AND DATALENGTH(t.[region]) = DATALENGTH(s.c0) AND t.[id] = s.c1);
SET @filled = @filled + @@ROWCOUNT;
END;
IF @trial = 1
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'tried' AS outcome;
  RETURN;
END;
UPDATE elstream.task SET state = CASE WHEN @stopped IS NULL THEN N'done' ELSE N'failed' END, [rows] = CASE WHEN @stopped IS NULL THEN @rows ELSE 0 END, finished_at = @now, error = @stopped
 WHERE id = @task AND attempt = @attempt AND run_id = @claimRun AND (epoch = @claimEpoch OR (epoch IS NULL AND @claimEpoch IS NULL)) AND state = N'running';
IF @@ROWCOUNT <> 1
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'lost' AS outcome;
  RETURN;
END;
IF @stopped IS NULL UPDATE elstream.table_state SET rows_preloaded = rows_preloaded + @rows, updated_at = @now WHERE pipeline = @pipeline AND table_id = @table;
COMMIT TRANSACTION;
SELECT CASE WHEN @stopped IS NULL THEN N'done' ELSE N'stopped' END AS outcome, @filled AS filled, @parked AS parked;

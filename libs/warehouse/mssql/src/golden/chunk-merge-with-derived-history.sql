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
INSERT INTO [o'dbo].[order]]lines_archive] ([region], [id], [price], [ratio], [picture], [at], [note]]s], [valid_from], [valid_to], [deleted], __elstream_approximate, __elstream_position) SELECT t.[region], t.[id], t.[price], t.[ratio], t.[picture], t.[at], t.[note]]s], t.__elstream_valid_from, CASE WHEN @now IS NULL OR t.__elstream_valid_from > @now THEN t.__elstream_valid_from ELSE @now END, 0, 1, CONVERT(varbinary(16), NULL)
  FROM [o'dbo].[order]]lines] AS t WITH (FORCESEEK) JOIN (SELECT * FROM #chunk AS s WHERE s.ord >= 0) AS s ON t.[region] = s.c0 AND DATALENGTH(t.[region]) = DATALENGTH(s.c0) AND t.[id] = s.c1
 WHERE t.__elstream_epoch < @fill AND NOT (EXISTS (SELECT 1 FROM [elstream].[marker_c8082f3db458b9a4] AS m WITH (FORCESEEK) WHERE m.[region] = s.c0 AND DATALENGTH(m.[region]) = DATALENGTH(s.c0) AND m.[id] = s.c1 AND m.__elstream_epoch >= @fill)) AND HASHBYTES('SHA2_256', CONCAT(CONVERT(nvarchar(max), N''), CASE WHEN t.[region] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), t.[region]) COLLATE Latin1_General_100_BIN2), N':', CONVERT(nvarchar(max), t.[region]) COLLATE Latin1_General_100_BIN2) END, CASE WHEN t.[id] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), t.[id])), N':', CONVERT(nvarchar(max), t.[id])) END, CASE WHEN t.[price] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), t.[price])), N':', CONVERT(nvarchar(max), t.[price])) END, CASE WHEN t.[ratio] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(binary(8), CONVERT(float(53), t.[ratio])), 2)), N':', CONVERT(nvarchar(max), CONVERT(binary(8), CONVERT(float(53), t.[ratio])), 2)) END, CASE WHEN t.[picture] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(varbinary(max), t.[picture]), 2)), N':', CONVERT(nvarchar(max), CONVERT(varbinary(max), t.[picture]), 2)) END, CASE WHEN t.[at] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(nvarchar(40), t.[at], 121))), N':', CONVERT(nvarchar(max), CONVERT(nvarchar(40), t.[at], 121))) END)) <> HASHBYTES('SHA2_256', CONCAT(CONVERT(nvarchar(max), N''), CASE WHEN s.c0 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), s.c0) COLLATE Latin1_General_100_BIN2), N':', CONVERT(nvarchar(max), s.c0) COLLATE Latin1_General_100_BIN2) END, CASE WHEN s.c1 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), s.c1)), N':', CONVERT(nvarchar(max), s.c1)) END, CASE WHEN s.c2 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), s.c2)), N':', CONVERT(nvarchar(max), s.c2)) END, CASE WHEN s.c3 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(binary(8), CONVERT(float(53), s.c3)), 2)), N':', CONVERT(nvarchar(max), CONVERT(binary(8), CONVERT(float(53), s.c3)), 2)) END, CASE WHEN s.c4 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(varbinary(max), s.c4), 2)), N':', CONVERT(nvarchar(max), CONVERT(varbinary(max), s.c4), 2)) END, CASE WHEN s.c5 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(nvarchar(40), s.c5, 121))), N':', CONVERT(nvarchar(max), CONVERT(nvarchar(40), s.c5, 121))) END));
UPDATE t SET t.[price] = s.c2, t.[ratio] = s.c3, t.[picture] = s.c4, t.[at] = s.c5, t.[note]]s] = s.c6, t.__elstream_epoch = @fill, t.__elstream_position = CASE WHEN t.__elstream_epoch < @fill AND NOT HASHBYTES('SHA2_256', CONCAT(CONVERT(nvarchar(max), N''), CASE WHEN t.[region] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), t.[region]) COLLATE Latin1_General_100_BIN2), N':', CONVERT(nvarchar(max), t.[region]) COLLATE Latin1_General_100_BIN2) END, CASE WHEN t.[id] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), t.[id])), N':', CONVERT(nvarchar(max), t.[id])) END, CASE WHEN t.[price] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), t.[price])), N':', CONVERT(nvarchar(max), t.[price])) END, CASE WHEN t.[ratio] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(binary(8), CONVERT(float(53), t.[ratio])), 2)), N':', CONVERT(nvarchar(max), CONVERT(binary(8), CONVERT(float(53), t.[ratio])), 2)) END, CASE WHEN t.[picture] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(varbinary(max), t.[picture]), 2)), N':', CONVERT(nvarchar(max), CONVERT(varbinary(max), t.[picture]), 2)) END, CASE WHEN t.[at] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(nvarchar(40), t.[at], 121))), N':', CONVERT(nvarchar(max), CONVERT(nvarchar(40), t.[at], 121))) END)) <> HASHBYTES('SHA2_256', CONCAT(CONVERT(nvarchar(max), N''), CASE WHEN s.c0 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), s.c0) COLLATE Latin1_General_100_BIN2), N':', CONVERT(nvarchar(max), s.c0) COLLATE Latin1_General_100_BIN2) END, CASE WHEN s.c1 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), s.c1)), N':', CONVERT(nvarchar(max), s.c1)) END, CASE WHEN s.c2 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), s.c2)), N':', CONVERT(nvarchar(max), s.c2)) END, CASE WHEN s.c3 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(binary(8), CONVERT(float(53), s.c3)), 2)), N':', CONVERT(nvarchar(max), CONVERT(binary(8), CONVERT(float(53), s.c3)), 2)) END, CASE WHEN s.c4 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(varbinary(max), s.c4), 2)), N':', CONVERT(nvarchar(max), CONVERT(varbinary(max), s.c4), 2)) END, CASE WHEN s.c5 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(nvarchar(40), s.c5, 121))), N':', CONVERT(nvarchar(max), CONVERT(nvarchar(40), s.c5, 121))) END)) THEN CONVERT(varbinary(16), 0x) END, t.__elstream_valid_from = CASE WHEN t.__elstream_epoch < @fill AND HASHBYTES('SHA2_256', CONCAT(CONVERT(nvarchar(max), N''), CASE WHEN t.[region] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), t.[region]) COLLATE Latin1_General_100_BIN2), N':', CONVERT(nvarchar(max), t.[region]) COLLATE Latin1_General_100_BIN2) END, CASE WHEN t.[id] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), t.[id])), N':', CONVERT(nvarchar(max), t.[id])) END, CASE WHEN t.[price] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), t.[price])), N':', CONVERT(nvarchar(max), t.[price])) END, CASE WHEN t.[ratio] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(binary(8), CONVERT(float(53), t.[ratio])), 2)), N':', CONVERT(nvarchar(max), CONVERT(binary(8), CONVERT(float(53), t.[ratio])), 2)) END, CASE WHEN t.[picture] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(varbinary(max), t.[picture]), 2)), N':', CONVERT(nvarchar(max), CONVERT(varbinary(max), t.[picture]), 2)) END, CASE WHEN t.[at] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(nvarchar(40), t.[at], 121))), N':', CONVERT(nvarchar(max), CONVERT(nvarchar(40), t.[at], 121))) END)) <> HASHBYTES('SHA2_256', CONCAT(CONVERT(nvarchar(max), N''), CASE WHEN s.c0 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), s.c0) COLLATE Latin1_General_100_BIN2), N':', CONVERT(nvarchar(max), s.c0) COLLATE Latin1_General_100_BIN2) END, CASE WHEN s.c1 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), s.c1)), N':', CONVERT(nvarchar(max), s.c1)) END, CASE WHEN s.c2 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), s.c2)), N':', CONVERT(nvarchar(max), s.c2)) END, CASE WHEN s.c3 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(binary(8), CONVERT(float(53), s.c3)), 2)), N':', CONVERT(nvarchar(max), CONVERT(binary(8), CONVERT(float(53), s.c3)), 2)) END, CASE WHEN s.c4 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(varbinary(max), s.c4), 2)), N':', CONVERT(nvarchar(max), CONVERT(varbinary(max), s.c4), 2)) END, CASE WHEN s.c5 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(nvarchar(40), s.c5, 121))), N':', CONVERT(nvarchar(max), CONVERT(nvarchar(40), s.c5, 121))) END)) THEN CASE WHEN @now IS NULL OR t.__elstream_valid_from > @now THEN t.__elstream_valid_from ELSE @now END ELSE t.__elstream_valid_from END
  FROM [o'dbo].[order]]lines] AS t WITH (FORCESEEK) JOIN #chunk AS s ON t.[region] = s.c0 AND DATALENGTH(t.[region]) = DATALENGTH(s.c0) AND t.[id] = s.c1 WHERE s.ord >= 0 AND NOT EXISTS (SELECT 1 FROM [elstream].[marker_c8082f3db458b9a4] AS m WITH (FORCESEEK) WHERE m.[region] = s.c0 AND DATALENGTH(m.[region]) = DATALENGTH(s.c0) AND m.[id] = s.c1 AND m.__elstream_epoch >= @fill) AND (t.__elstream_epoch < @fill OR (t.__elstream_epoch = @fill AND t.__elstream_position IS NULL));
SET @filled = @filled + @@ROWCOUNT;
INSERT INTO [o'dbo].[order]]lines] ([region], [id], [price], [ratio], [picture], [at], [note]]s], __elstream_epoch, __elstream_position, __elstream_valid_from)
SELECT s.c0, s.c1, s.c2, s.c3, s.c4, s.c5, s.c6, @fill, CONVERT(varbinary(16), NULL), (SELECT MAX(h.[valid_to]) FROM [o'dbo].[order]]lines_archive] AS h WHERE h.[region] = s.c0 AND DATALENGTH(h.[region]) = DATALENGTH(s.c0) AND h.[id] = s.c1) FROM #chunk AS s WHERE s.ord >= 0 AND NOT EXISTS (SELECT 1 FROM [elstream].[marker_c8082f3db458b9a4] AS m WITH (FORCESEEK) WHERE m.[region] = s.c0 AND DATALENGTH(m.[region]) = DATALENGTH(s.c0) AND m.[id] = s.c1 AND m.__elstream_epoch >= @fill) AND NOT EXISTS (SELECT 1 FROM [o'dbo].[order]]lines] AS t WITH (FORCESEEK) WHERE t.[region] = s.c0 AND DATALENGTH(t.[region]) = DATALENGTH(s.c0) AND t.[id] = s.c1);
SET @filled = @filled + @@ROWCOUNT;
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

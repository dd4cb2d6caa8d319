SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT 10000; SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @lock int = 0;
DECLARE @written bigint = 0, @deleted bigint = 0;
DECLARE @epoch0 int, @active0 bit, @phase0 nvarchar(64), @uses0 bit, @truncated0 nvarchar(128), @until0 nvarchar(128);
DECLARE @events0 bigint, @readUntil0 nvarchar(128);
SELECT @events0 = j.[events], @readUntil0 = j.read_until
  FROM OPENJSON(@shares) WITH (n int '$.n', [events] bigint '$.events', read_until nvarchar(128) '$.readUntil') AS j WHERE j.n = 0;
BEGIN TRANSACTION;
IF @lock >= 0 EXEC @lock = sp_getapplock @Resource = N'elstream:8d9001d32c6a703d95921a77115050f3', @LockMode = N'Shared', @LockOwner = N'Transaction', @LockTimeout = 10000;
IF @lock >= 0 EXEC @lock = sp_getapplock @Resource = N'elstream:c8082f3db458b9a4a9fd31a7d1c24ad6:3', @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = 10000;
IF @lock < 0
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'locked-out' AS outcome, @lock AS code;
  RETURN;
END;
DECLARE @now datetime2(6) = SYSUTCDATETIME();
SELECT @epoch0 = s.epoch,
       @active0 = CASE WHEN s.epoch > 0 AND s.phase NOT IN (N'new', N'stopped') THEN 1 ELSE 0 END,
       @phase0 = s.phase,
       @uses0 = CASE WHEN EXISTS (SELECT 1 FROM elstream.open_use AS u WHERE u.pipeline = s.pipeline AND u.table_id = s.table_id)
         OR EXISTS (SELECT 1 FROM elstream.dead_letter AS d WHERE d.pipeline = s.pipeline AND d.table_id = s.table_id AND d.state = N'parked') THEN 1 ELSE 0 END,
       @truncated0 = CASE WHEN s.truncate_epoch = s.epoch THEN s.truncate_position END,
       @until0 = s.reread_until
  FROM elstream.table_state AS s WHERE s.pipeline = @pipeline AND s.table_id = N'dbo.order]lines';
IF (@epoch0 IS NULL)
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'not-prepared' AS outcome, CASE WHEN @epoch0 IS NULL THEN 0 END AS n;
  RETURN;
END;
IF @active0 = 1
BEGIN
IF @truncated0 IS NOT NULL DELETE FROM #batch0 WHERE LOWER(CONVERT(nvarchar(64), pos, 2)) COLLATE Latin1_General_100_BIN2 < @truncated0;
IF @phase0 = N'live'
UPDATE s SET op = 1, c4 = t.[picture]
  FROM #batch0 AS s JOIN [o'dbo].[order]]lines] AS t WITH (FORCESEEK) ON t.[region] = s.k0 AND DATALENGTH(t.[region]) = DATALENGTH(s.k0) AND t.[id] = s.k1
 WHERE s.op = 2 AND s.grp = 0 AND s.k0 IS NOT NULL AND t.__elstream_epoch = @epoch0 AND LOWER(CONVERT(nvarchar(64), s.pos, 2)) COLLATE Latin1_General_100_BIN2 > ISNULL(@until0, N'');
IF @phase0 = N'live'
UPDATE s SET op = 1, c4 = t.[picture], c6 = t.[note]]s]
  FROM #batch0 AS s JOIN [o'dbo].[order]]lines] AS t WITH (FORCESEEK) ON t.[region] = s.k0 AND DATALENGTH(t.[region]) = DATALENGTH(s.k0) AND t.[id] = s.k1
 WHERE s.op = 2 AND s.grp = 1 AND s.k0 IS NOT NULL AND t.__elstream_epoch = @epoch0 AND LOWER(CONVERT(nvarchar(64), s.pos, 2)) COLLATE Latin1_General_100_BIN2 > ISNULL(@until0, N'');
UPDATE s SET op = 1 FROM #batch0 AS s WHERE s.op = 2 AND (s.fresh = 1 OR s.k0 IS NOT NULL OR NOT EXISTS (SELECT 1 FROM [o'dbo].[order]]lines] AS t WITH (FORCESEEK) WHERE t.[region] = s.c0 AND DATALENGTH(t.[region]) = DATALENGTH(s.c0) AND t.[id] = s.c1 AND t.__elstream_epoch = @epoch0));
END;
IF @active0 = 1
BEGIN
DELETE t FROM [o'dbo].[order]]lines] AS t WITH (FORCESEEK) JOIN #batch0 AS s ON t.[region] = s.c0 AND DATALENGTH(t.[region]) = DATALENGTH(s.c0) AND t.[id] = s.c1 WHERE s.op = 0 AND NOT (t.__elstream_epoch > @epoch0 OR (t.__elstream_epoch = @epoch0 AND t.__elstream_position IS NOT NULL AND t.__elstream_position > s.pos));
SET @deleted = @deleted + @@ROWCOUNT;
IF (@phase0 = N'preloading' OR @uses0 = 1)
BEGIN
  UPDATE m SET m.__elstream_epoch = @epoch0, m.__elstream_position = s.pos FROM [elstream].[marker_c8082f3db458b9a4] AS m WITH (FORCESEEK) JOIN (SELECT s.c0, s.c1, s.pos, ROW_NUMBER() OVER (PARTITION BY s.c0, s.c1 ORDER BY s.pos DESC) AS nth FROM #batch0 AS s WHERE s.op = 0 AND NOT EXISTS (SELECT 1 FROM [o'dbo].[order]]lines] AS t WITH (FORCESEEK) WHERE t.[region] = s.c0 AND DATALENGTH(t.[region]) = DATALENGTH(s.c0) AND t.[id] = s.c1)) AS s ON m.[region] = s.c0 AND DATALENGTH(m.[region]) = DATALENGTH(s.c0) AND m.[id] = s.c1 WHERE s.nth = 1 AND NOT (m.__elstream_epoch > @epoch0 OR (m.__elstream_epoch = @epoch0 AND m.__elstream_position IS NOT NULL AND m.__elstream_position > s.pos));
  INSERT INTO [elstream].[marker_c8082f3db458b9a4] ([region], [id], __elstream_epoch, __elstream_position)
  SELECT s.c0, s.c1, @epoch0, s.pos FROM (SELECT s.c0, s.c1, s.pos, ROW_NUMBER() OVER (PARTITION BY s.c0, s.c1 ORDER BY s.pos DESC) AS nth FROM #batch0 AS s WHERE s.op = 0 AND NOT EXISTS (SELECT 1 FROM [o'dbo].[order]]lines] AS t WITH (FORCESEEK) WHERE t.[region] = s.c0 AND DATALENGTH(t.[region]) = DATALENGTH(s.c0) AND t.[id] = s.c1)) AS s WHERE s.nth = 1 AND NOT EXISTS (SELECT 1 FROM [elstream].[marker_c8082f3db458b9a4] AS m WITH (FORCESEEK) WHERE m.[region] = s.c0 AND m.[id] = s.c1);
END;
UPDATE t SET t.[price] = s.c2, t.[ratio] = s.c3, t.[picture] = s.c4, t.[at] = s.c5, t.[note]]s] = s.c6, t.__elstream_epoch = @epoch0, t.__elstream_position = s.pos
  FROM [o'dbo].[order]]lines] AS t WITH (FORCESEEK) JOIN #batch0 AS s ON t.[region] = s.c0 AND DATALENGTH(t.[region]) = DATALENGTH(s.c0) AND t.[id] = s.c1 WHERE s.op = 1 AND NOT EXISTS (SELECT 1 FROM [elstream].[marker_c8082f3db458b9a4] AS m WITH (FORCESEEK) WHERE m.[region] = s.c0 AND DATALENGTH(m.[region]) = DATALENGTH(s.c0) AND m.[id] = s.c1 AND (m.__elstream_epoch > @epoch0 OR (m.__elstream_epoch = @epoch0 AND m.__elstream_position IS NOT NULL AND m.__elstream_position > s.pos))) AND NOT (t.__elstream_epoch > @epoch0 OR (t.__elstream_epoch = @epoch0 AND t.__elstream_position IS NOT NULL AND t.__elstream_position > s.pos));
SET @written = @written + @@ROWCOUNT;
INSERT INTO [o'dbo].[order]]lines] ([region], [id], [price], [ratio], [picture], [at], [note]]s], __elstream_epoch, __elstream_position)
SELECT s.c0, s.c1, s.c2, s.c3, s.c4, s.c5, s.c6, @epoch0, s.pos FROM #batch0 AS s WHERE s.op = 1 AND NOT EXISTS (SELECT 1 FROM [elstream].[marker_c8082f3db458b9a4] AS m WITH (FORCESEEK) WHERE m.[region] = s.c0 AND DATALENGTH(m.[region]) = DATALENGTH(s.c0) AND m.[id] = s.c1 AND (m.__elstream_epoch > @epoch0 OR (m.__elstream_epoch = @epoch0 AND m.__elstream_position IS NOT NULL AND m.__elstream_position > s.pos))) AND NOT EXISTS (SELECT 1 FROM [o'dbo].[order]]lines] AS t WITH (FORCESEEK) WHERE t.[region] = s.c0 AND DATALENGTH(t.[region]) = DATALENGTH(s.c0) AND t.[id] = s.c1);
SET @written = @written + @@ROWCOUNT;
UPDATE t SET t.[price] = s.c2, t.[ratio] = s.c3, t.[at] = s.c5, t.[note]]s] = s.c6, t.__elstream_epoch = @epoch0, t.__elstream_position = s.pos
  FROM [o'dbo].[order]]lines] AS t WITH (FORCESEEK) JOIN #batch0 AS s ON t.[region] = s.c0 AND DATALENGTH(t.[region]) = DATALENGTH(s.c0) AND t.[id] = s.c1
 WHERE s.op = 2 AND s.grp = 0 AND t.__elstream_epoch = @epoch0 AND NOT (t.__elstream_epoch > @epoch0 OR (t.__elstream_epoch = @epoch0 AND t.__elstream_position IS NOT NULL AND t.__elstream_position > s.pos));
SET @written = @written + @@ROWCOUNT;
UPDATE t SET t.[price] = s.c2, t.[ratio] = s.c3, t.[at] = s.c5, t.__elstream_epoch = @epoch0, t.__elstream_position = s.pos
  FROM [o'dbo].[order]]lines] AS t WITH (FORCESEEK) JOIN #batch0 AS s ON t.[region] = s.c0 AND DATALENGTH(t.[region]) = DATALENGTH(s.c0) AND t.[id] = s.c1
 WHERE s.op = 2 AND s.grp = 1 AND t.__elstream_epoch = @epoch0 AND NOT (t.__elstream_epoch > @epoch0 OR (t.__elstream_epoch = @epoch0 AND t.__elstream_position IS NOT NULL AND t.__elstream_position > s.pos));
SET @written = @written + @@ROWCOUNT;
IF (@phase0 = N'preloading' OR @uses0 = 1) DELETE m FROM [elstream].[marker_c8082f3db458b9a4] AS m WITH (FORCESEEK) JOIN #batch0 AS s ON m.[region] = s.c0 AND DATALENGTH(m.[region]) = DATALENGTH(s.c0) AND m.[id] = s.c1 WHERE s.op <> 0 AND NOT (m.__elstream_epoch > @epoch0 OR (m.__elstream_epoch = @epoch0 AND m.__elstream_position IS NOT NULL AND m.__elstream_position > s.pos));
END;
IF @active0 = 1
BEGIN
UPDATE elstream.table_state SET events_applied = events_applied + @events0,
       reread_until = CASE WHEN @readUntil0 IS NULL OR reread_until >= @readUntil0 THEN reread_until ELSE @readUntil0 END, updated_at = @now
 WHERE pipeline = @pipeline AND table_id = N'dbo.order]lines';
END;
IF @trial = 1
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'tried' AS outcome;
  RETURN;
END;
UPDATE elstream.[checkpoint] SET next_offset = @next, highest = @highest, events_applied = events_applied + @events, counter = COALESCE(@counter, counter),
       committed_at_us = CASE WHEN @committedAt IS NULL OR committed_at_us >= @committedAt THEN committed_at_us ELSE @committedAt END, applied_at = @now
 WHERE pipeline = @pipeline AND [partition] = @partition AND generation = @generation AND next_offset = @from AND (highest = @fromHighest OR (highest IS NULL AND @fromHighest IS NULL));
IF @@ROWCOUNT <> 1
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'lost' AS outcome;
  RETURN;
END;
COMMIT TRANSACTION;
SELECT N'applied' AS outcome, @written AS written, @deleted AS deleted;

SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT 10000; SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @lock int = 0;
DECLARE @written bigint = 0, @deleted bigint = 0;
DECLARE @again TABLE (n int NOT NULL, ord int NOT NULL);
DECLARE @epoch0 int, @active0 bit, @phase0 nvarchar(64), @uses0 bit, @truncated0 nvarchar(128), @until0 nvarchar(128), @token0 nvarchar(max);
DECLARE @mapping0 varchar(64), @expected0 nvarchar(max), @truncate0 nvarchar(128), @events0 bigint, @readUntil0 nvarchar(128), @stored0 nvarchar(max);
SELECT @mapping0 = j.mapping, @expected0 = j.token, @truncate0 = j.[truncate], @events0 = j.[events], @readUntil0 = j.read_until
  FROM OPENJSON(@shares) WITH (n int '$.n', mapping varchar(64) '$.mapping', token nvarchar(max) '$.token', [truncate] nvarchar(128) '$.truncate', [events] bigint '$.events', read_until nvarchar(128) '$.readUntil') AS j WHERE j.n = 0;
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
       @until0 = s.reread_until,
       @token0 = CONCAT(s.epoch, N' ', s.phase, N' ', s.truncate_epoch, N' ', s.truncate_position, N' ', s.reread_until, N' ', s.mixed_epoch)
  FROM elstream.table_state AS s WHERE s.pipeline = @pipeline AND s.table_id = N'dbo.order]lines';
SELECT @stored0 = p.mapping FROM elstream.pipeline_table AS p WHERE p.pipeline = @pipeline AND p.table_id = N'dbo.order]lines';
IF (@epoch0 IS NULL AND @stored0 IS NULL)
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'lost' AS outcome;
  RETURN;
END;
IF ((@epoch0 IS NULL OR @active0 = 1) AND @stored0 IS NOT NULL AND (@mapping0 IS NULL OR CONVERT(varchar(64), HASHBYTES('SHA2_256', @stored0), 2) <> @mapping0))
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'mapping' AS outcome;
  SELECT 0 AS n, @stored0 AS stored, CONVERT(varchar(64), HASHBYTES('SHA2_256', @stored0), 2) AS hash WHERE @stored0 IS NOT NULL;
  RETURN;
END;
IF (@epoch0 IS NULL)
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'not-prepared' AS outcome, CASE WHEN @epoch0 IS NULL THEN 0 END AS n;
  RETURN;
END;
IF @active0 = 1 AND (@expected0 IS NULL OR @token0 <> @expected0 OR NOT (NOT EXISTS (SELECT 1 FROM #touched0 AS u LEFT JOIN [o'dbo].[order]]lines] AS t WITH (FORCESEEK) ON t.[region] = u.k0 AND DATALENGTH(t.[region]) = DATALENGTH(u.k0) AND t.[id] = u.k1 LEFT JOIN [elstream].[marker_c8082f3db458b9a4] AS m WITH (FORCESEEK) ON m.[region] = u.k0 AND DATALENGTH(m.[region]) = DATALENGTH(u.k0) AND m.[id] = u.k1
   WHERE CASE WHEN ISNULL(u.stands, '') = CASE WHEN t.__elstream_epoch IS NOT NULL THEN CONCAT('r', t.__elstream_epoch, CASE WHEN t.__elstream_position IS NULL THEN '-' ELSE CONCAT(':', LOWER(CONVERT(varchar(32), t.__elstream_position, 2))) END) WHEN m.__elstream_epoch IS NOT NULL THEN CONCAT('m', m.__elstream_epoch, CASE WHEN m.__elstream_position IS NULL THEN '-' ELSE CONCAT(':', LOWER(CONVERT(varchar(32), m.__elstream_position, 2))) END) ELSE 'n' END COLLATE Latin1_General_100_BIN2 AND (t.__elstream_epoch IS NULL OR u.digest = HASHBYTES('SHA2_256', CONCAT(CONVERT(nvarchar(max), N''), CASE WHEN t.[region] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), t.[region]) COLLATE Latin1_General_100_BIN2), N':', CONVERT(nvarchar(max), t.[region]) COLLATE Latin1_General_100_BIN2) END, CASE WHEN t.[id] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), t.[id])), N':', CONVERT(nvarchar(max), t.[id])) END, CASE WHEN t.[price] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), t.[price])), N':', CONVERT(nvarchar(max), t.[price])) END, CASE WHEN t.[ratio] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(binary(8), CONVERT(float(53), t.[ratio])), 2)), N':', CONVERT(nvarchar(max), CONVERT(binary(8), CONVERT(float(53), t.[ratio])), 2)) END, CASE WHEN t.[picture] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(varbinary(max), t.[picture]), 2)), N':', CONVERT(nvarchar(max), CONVERT(varbinary(max), t.[picture]), 2)) END, CASE WHEN t.[at] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(nvarchar(40), t.[at], 121))), N':', CONVERT(nvarchar(max), CONVERT(nvarchar(40), t.[at], 121))) END, CASE WHEN t.[note]]s] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), t.[note]]s]) COLLATE Latin1_General_100_BIN2), N':', CONVERT(nvarchar(max), t.[note]]s]) COLLATE Latin1_General_100_BIN2) END))) THEN 1 ELSE 0 END = 0)))
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'again' AS outcome;
  RETURN;
END;
IF @active0 = 1
BEGIN
INSERT INTO [o'dbo].[order]]lines_archive] ([region], [id], [price], [ratio], [picture], [at], [note]]s], [valid_from], [valid_to], [deleted], __elstream_approximate, __elstream_position, __elstream_change) SELECT CONVERT(nvarchar(10), s.c0 COLLATE Latin1_General_100_BIN2), CONVERT(bigint, s.c1), CONVERT(decimal(19,4), s.c2), CONVERT(float, s.c3), CONVERT(varbinary(max), s.c4), SWITCHOFFSET(CONVERT(datetimeoffset(7), LEFT(s.c5, LEN(s.c5) - 10) + N' +00:00', 121), 60 * CONVERT(int, LEFT(RIGHT(s.c5, 6), 3)) + CONVERT(int, LEFT(RIGHT(s.c5, 6), 1) + RIGHT(RIGHT(s.c5, 6), 2))), CONVERT(nvarchar(max), s.c6), CONVERT(datetime2(6), s.vf, 121), CONVERT(datetime2(6), s.vt, 121), CONVERT(bit, CASE s.gone WHEN N't' THEN 1 WHEN N'f' THEN 0 END), CONVERT(bit, CASE s.near WHEN N't' THEN 1 WHEN N'f' THEN 0 END), CONVERT(varbinary(16), s.pos), CONVERT(varbinary(128), s.change) FROM #ended0 AS s;
IF @truncated0 IS NULL OR @truncated0 COLLATE Latin1_General_100_BIN2 <= @truncate0 SET @truncated0 = @truncate0;
DELETE t FROM [o'dbo].[order]]lines] AS t WITH (TABLOCK) WHERE t.__elstream_epoch < @epoch0 OR (t.__elstream_epoch = @epoch0 AND (t.__elstream_position IS NULL OR t.__elstream_position <= @truncatePosition0));
SET @deleted = @deleted + @@ROWCOUNT;
IF @truncated0 IS NOT NULL DELETE FROM #batch0 WHERE LOWER(CONVERT(nvarchar(64), pos, 2)) COLLATE Latin1_General_100_BIN2 < @truncated0;
IF @phase0 = N'live'
UPDATE s SET op = 1, c4 = t.[picture]
  FROM #batch0 AS s JOIN [o'dbo].[order]]lines] AS t WITH (FORCESEEK) ON t.[region] = s.k0 AND DATALENGTH(t.[region]) = DATALENGTH(s.k0) AND t.[id] = s.k1
 WHERE s.op = 2 AND s.grp = 0 AND s.k0 IS NOT NULL AND t.__elstream_epoch = @epoch0 AND LOWER(CONVERT(nvarchar(64), s.pos, 2)) COLLATE Latin1_General_100_BIN2 > ISNULL(@until0, N'');
IF @phase0 = N'live'
UPDATE s SET op = 1, c4 = t.[picture], c6 = t.[note]]s]
  FROM #batch0 AS s JOIN [o'dbo].[order]]lines] AS t WITH (FORCESEEK) ON t.[region] = s.k0 AND DATALENGTH(t.[region]) = DATALENGTH(s.k0) AND t.[id] = s.k1
 WHERE s.op = 2 AND s.grp = 1 AND s.k0 IS NOT NULL AND t.__elstream_epoch = @epoch0 AND LOWER(CONVERT(nvarchar(64), s.pos, 2)) COLLATE Latin1_General_100_BIN2 > ISNULL(@until0, N'');
INSERT INTO @again (n, ord) SELECT 0, s.ord FROM #batch0 AS s WHERE s.op = 2 AND (s.fresh = 1 OR s.k0 IS NOT NULL OR NOT EXISTS (SELECT 1 FROM [o'dbo].[order]]lines] AS t WITH (FORCESEEK) WHERE t.[region] = s.c0 AND DATALENGTH(t.[region]) = DATALENGTH(s.c0) AND t.[id] = s.c1 AND t.__elstream_epoch = @epoch0));
END;
IF EXISTS (SELECT 1 FROM @again)
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'reread' AS outcome;
  SELECT a.n, a.ord FROM @again AS a ORDER BY a.n, a.ord;
  RETURN;
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
UPDATE t SET t.[price] = s.c2, t.[ratio] = s.c3, t.[picture] = s.c4, t.[at] = s.c5, t.[note]]s] = s.c6, t.__elstream_epoch = @epoch0, t.__elstream_position = s.pos, t.__elstream_valid_from = CASE WHEN s.vf IS NULL OR t.__elstream_valid_from > s.vf THEN t.__elstream_valid_from ELSE s.vf END
  FROM [o'dbo].[order]]lines] AS t WITH (FORCESEEK) JOIN #batch0 AS s ON t.[region] = s.c0 AND DATALENGTH(t.[region]) = DATALENGTH(s.c0) AND t.[id] = s.c1 WHERE s.op = 1 AND NOT EXISTS (SELECT 1 FROM [elstream].[marker_c8082f3db458b9a4] AS m WITH (FORCESEEK) WHERE m.[region] = s.c0 AND DATALENGTH(m.[region]) = DATALENGTH(s.c0) AND m.[id] = s.c1 AND (m.__elstream_epoch > @epoch0 OR (m.__elstream_epoch = @epoch0 AND m.__elstream_position IS NOT NULL AND m.__elstream_position > s.pos))) AND NOT (t.__elstream_epoch > @epoch0 OR (t.__elstream_epoch = @epoch0 AND t.__elstream_position IS NOT NULL AND t.__elstream_position > s.pos));
SET @written = @written + @@ROWCOUNT;
INSERT INTO [o'dbo].[order]]lines] ([region], [id], [price], [ratio], [picture], [at], [note]]s], __elstream_epoch, __elstream_position, __elstream_valid_from)
SELECT s.c0, s.c1, s.c2, s.c3, s.c4, s.c5, s.c6, @epoch0, s.pos, s.vf FROM #batch0 AS s WHERE s.op = 1 AND NOT EXISTS (SELECT 1 FROM [elstream].[marker_c8082f3db458b9a4] AS m WITH (FORCESEEK) WHERE m.[region] = s.c0 AND DATALENGTH(m.[region]) = DATALENGTH(s.c0) AND m.[id] = s.c1 AND (m.__elstream_epoch > @epoch0 OR (m.__elstream_epoch = @epoch0 AND m.__elstream_position IS NOT NULL AND m.__elstream_position > s.pos))) AND NOT EXISTS (SELECT 1 FROM [o'dbo].[order]]lines] AS t WITH (FORCESEEK) WHERE t.[region] = s.c0 AND DATALENGTH(t.[region]) = DATALENGTH(s.c0) AND t.[id] = s.c1);
SET @written = @written + @@ROWCOUNT;
UPDATE t SET t.[price] = s.c2, t.[ratio] = s.c3, t.[at] = s.c5, t.[note]]s] = s.c6, t.__elstream_epoch = @epoch0, t.__elstream_position = s.pos, t.__elstream_valid_from = CASE WHEN s.vf IS NULL OR t.__elstream_valid_from > s.vf THEN t.__elstream_valid_from ELSE s.vf END
  FROM [o'dbo].[order]]lines] AS t WITH (FORCESEEK) JOIN #batch0 AS s ON t.[region] = s.c0 AND DATALENGTH(t.[region]) = DATALENGTH(s.c0) AND t.[id] = s.c1
 WHERE s.op = 2 AND s.grp = 0 AND t.__elstream_epoch = @epoch0 AND NOT (t.__elstream_epoch > @epoch0 OR (t.__elstream_epoch = @epoch0 AND t.__elstream_position IS NOT NULL AND t.__elstream_position > s.pos));
SET @written = @written + @@ROWCOUNT;
UPDATE t SET t.[price] = s.c2, t.[ratio] = s.c3, t.[at] = s.c5, t.__elstream_epoch = @epoch0, t.__elstream_position = s.pos, t.__elstream_valid_from = CASE WHEN s.vf IS NULL OR t.__elstream_valid_from > s.vf THEN t.__elstream_valid_from ELSE s.vf END
  FROM [o'dbo].[order]]lines] AS t WITH (FORCESEEK) JOIN #batch0 AS s ON t.[region] = s.c0 AND DATALENGTH(t.[region]) = DATALENGTH(s.c0) AND t.[id] = s.c1
 WHERE s.op = 2 AND s.grp = 1 AND t.__elstream_epoch = @epoch0 AND NOT (t.__elstream_epoch > @epoch0 OR (t.__elstream_epoch = @epoch0 AND t.__elstream_position IS NOT NULL AND t.__elstream_position > s.pos));
SET @written = @written + @@ROWCOUNT;
IF (@phase0 = N'preloading' OR @uses0 = 1) DELETE m FROM [elstream].[marker_c8082f3db458b9a4] AS m WITH (FORCESEEK) JOIN #batch0 AS s ON m.[region] = s.c0 AND DATALENGTH(m.[region]) = DATALENGTH(s.c0) AND m.[id] = s.c1 WHERE s.op <> 0 AND NOT (m.__elstream_epoch > @epoch0 OR (m.__elstream_epoch = @epoch0 AND m.__elstream_position IS NOT NULL AND m.__elstream_position > s.pos));
UPDATE t SET t.__elstream_valid_from = CONVERT(datetime2(6), b.begins, 121)
  FROM OPENJSON(@odd0) WITH (ord int '$[0]', begins nvarchar(40) '$[1]') AS b JOIN #touched0 AS u ON u.ord = b.ord JOIN [o'dbo].[order]]lines] AS t WITH (FORCESEEK) ON t.[region] = u.k0 AND DATALENGTH(t.[region]) = DATALENGTH(u.k0) AND t.[id] = u.k1;
END;
IF @active0 = 1
BEGIN
UPDATE elstream.table_state SET events_applied = events_applied + @events0, truncate_epoch = @epoch0, truncate_position = @truncated0,
       reread_until = CASE WHEN @readUntil0 IS NULL OR reread_until >= @readUntil0 THEN reread_until ELSE @readUntil0 END, mixed_epoch = epoch, updated_at = @now
 WHERE pipeline = @pipeline AND table_id = N'dbo.order]lines';
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

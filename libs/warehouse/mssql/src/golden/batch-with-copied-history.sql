SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT 10000; SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @lock int = 0;
DECLARE @written bigint = 0, @deleted bigint = 0;
DECLARE @epoch0 int, @active0 bit, @phase0 nvarchar(64), @uses0 bit, @truncated0 nvarchar(128);
DECLARE @mapping0 varchar(64), @events0 bigint, @readUntil0 nvarchar(128), @stored0 nvarchar(max);
SELECT @mapping0 = j.mapping, @events0 = j.[events], @readUntil0 = j.read_until
  FROM OPENJSON(@shares) WITH (n int '$.n', mapping varchar(64) '$.mapping', [events] bigint '$.events', read_until nvarchar(128) '$.readUntil') AS j WHERE j.n = 0;
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
       @truncated0 = CASE WHEN s.truncate_epoch = s.epoch THEN s.truncate_position END
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
IF @active0 = 1
BEGIN
INSERT INTO elstream.history_due (pipeline, table_id, [key])
SELECT @pipeline, @dueTable0, j.[key] FROM OPENJSON(@due0) WITH (ord int '$[0]', [key] nvarchar(max) '$[1]') AS j ORDER BY j.ord;
IF @truncated0 IS NOT NULL DELETE FROM #batch0 WHERE LOWER(CONVERT(nvarchar(64), pos, 2)) COLLATE Latin1_General_100_BIN2 < @truncated0;
END;
IF @active0 = 1
BEGIN
UPDATE t SET t.[price] = s.c2, t.[ratio] = s.c3, t.[picture] = s.c4, t.[at] = s.c5, t.[note]]s] = s.c6, t.[valid_from] = s.c7, t.[valid_to] = s.c8, t.__elstream_epoch = @epoch0, t.__elstream_position = s.pos
  FROM [o'dbo].[order]]lines] AS t WITH (FORCESEEK) JOIN #batch0 AS s ON t.[region] = s.c0 AND DATALENGTH(t.[region]) = DATALENGTH(s.c0) AND t.[id] = s.c1 WHERE s.op = 1 AND NOT EXISTS (SELECT 1 FROM [elstream].[marker_c8082f3db458b9a4] AS m WITH (FORCESEEK) WHERE m.[region] = s.c0 AND DATALENGTH(m.[region]) = DATALENGTH(s.c0) AND m.[id] = s.c1 AND (m.__elstream_epoch > @epoch0 OR (m.__elstream_epoch = @epoch0 AND m.__elstream_position IS NOT NULL AND m.__elstream_position > s.pos))) AND NOT (t.__elstream_epoch > @epoch0 OR (t.__elstream_epoch = @epoch0 AND t.__elstream_position IS NOT NULL AND t.__elstream_position > s.pos));
SET @written = @written + @@ROWCOUNT;
INSERT INTO [o'dbo].[order]]lines] ([region], [id], [price], [ratio], [picture], [at], [note]]s], [valid_from], [valid_to], __elstream_epoch, __elstream_position)
SELECT s.c0, s.c1, s.c2, s.c3, s.c4, s.c5, s.c6, s.c7, s.c8, @epoch0, s.pos FROM #batch0 AS s WHERE s.op = 1 AND NOT EXISTS (SELECT 1 FROM [elstream].[marker_c8082f3db458b9a4] AS m WITH (FORCESEEK) WHERE m.[region] = s.c0 AND DATALENGTH(m.[region]) = DATALENGTH(s.c0) AND m.[id] = s.c1 AND (m.__elstream_epoch > @epoch0 OR (m.__elstream_epoch = @epoch0 AND m.__elstream_position IS NOT NULL AND m.__elstream_position > s.pos))) AND NOT EXISTS (SELECT 1 FROM [o'dbo].[order]]lines] AS t WITH (FORCESEEK) WHERE t.[region] = s.c0 AND DATALENGTH(t.[region]) = DATALENGTH(s.c0) AND t.[id] = s.c1);
SET @written = @written + @@ROWCOUNT;
IF (@phase0 = N'preloading' OR @uses0 = 1) DELETE m FROM [elstream].[marker_c8082f3db458b9a4] AS m WITH (FORCESEEK) JOIN #batch0 AS s ON m.[region] = s.c0 AND DATALENGTH(m.[region]) = DATALENGTH(s.c0) AND m.[id] = s.c1 WHERE s.op <> 0 AND NOT (m.__elstream_epoch > @epoch0 OR (m.__elstream_epoch = @epoch0 AND m.__elstream_position IS NOT NULL AND m.__elstream_position > s.pos));
END;
IF @active0 = 1
BEGIN
UPDATE elstream.table_state SET events_applied = events_applied + @events0,
       reread_until = CASE WHEN @readUntil0 IS NULL OR reread_until >= @readUntil0 THEN reread_until ELSE @readUntil0 END, updated_at = @now
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

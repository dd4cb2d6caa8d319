SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT 10000; SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @lock int = 0, @lane int = 0, @resource nvarchar(255);
DECLARE @epoch0 int, @phase0 nvarchar(64), @truncated0 nvarchar(160);
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
SELECT @epoch0 = s.epoch, @phase0 = s.phase, @truncated0 = CASE WHEN s.truncate_epoch IS NULL THEN N'n' ELSE CONCAT(s.truncate_epoch, N':', s.truncate_position) END FROM elstream.table_state AS s WHERE s.pipeline = @pipeline AND s.table_id = @table;
IF @phase0 IS NULL OR @phase0 IN (N'new', N'stopped')
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'not-live' AS outcome, @phase0 AS phase;
  RETURN;
END;
IF ISNULL((SELECT CONVERT(varchar(64), HASHBYTES('SHA2_256', p.mapping), 2) FROM elstream.pipeline_table AS p WHERE p.pipeline = @pipeline AND p.table_id = @table), '') <> ISNULL(@mapping_hash, N'')
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'outdated' AS outcome;
  RETURN;
END;
UPDATE s SET outcome = CASE WHEN @epoch0 <> @epoch OR @truncated0 <> @truncated OR s.expected <> CONVERT(nvarchar(60), CASE WHEN t.__elstream_epoch IS NOT NULL THEN CONCAT('r', t.__elstream_epoch, CASE WHEN t.__elstream_position IS NULL THEN '-' ELSE CONCAT(':', LOWER(CONVERT(varchar(32), t.__elstream_position, 2))) END) WHEN m.__elstream_epoch IS NOT NULL THEN CONCAT('m', m.__elstream_epoch, CASE WHEN m.__elstream_position IS NULL THEN '-' ELSE CONCAT(':', LOWER(CONVERT(varchar(32), m.__elstream_position, 2))) END) ELSE 'n' END) COLLATE Latin1_General_100_BIN2 THEN 'moved' WHEN (s.present = 0 AND t.__elstream_epoch IS NULL) OR (s.present = 1 AND t.__elstream_epoch IS NOT NULL AND HASHBYTES('SHA2_256', CONCAT(CONVERT(nvarchar(max), N''), CASE WHEN t.[region] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), t.[region]) COLLATE Latin1_General_100_BIN2), N':', CONVERT(nvarchar(max), t.[region]) COLLATE Latin1_General_100_BIN2) END, CASE WHEN t.[id] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), t.[id])), N':', CONVERT(nvarchar(max), t.[id])) END, CASE WHEN t.[price] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), t.[price])), N':', CONVERT(nvarchar(max), t.[price])) END, CASE WHEN t.[ratio] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(binary(8), CONVERT(float(53), t.[ratio])), 2)), N':', CONVERT(nvarchar(max), CONVERT(binary(8), CONVERT(float(53), t.[ratio])), 2)) END, CASE WHEN t.[picture] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(varbinary(max), t.[picture]), 2)), N':', CONVERT(nvarchar(max), CONVERT(varbinary(max), t.[picture]), 2)) END, CASE WHEN t.[at] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(nvarchar(40), t.[at], 121))), N':', CONVERT(nvarchar(max), CONVERT(nvarchar(40), t.[at], 121))) END, CASE WHEN t.[note]]s] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), t.[note]]s]) COLLATE Latin1_General_100_BIN2), N':', CONVERT(nvarchar(max), t.[note]]s]) COLLATE Latin1_General_100_BIN2) END)) = HASHBYTES('SHA2_256', CONCAT(CONVERT(nvarchar(max), N''), CASE WHEN s.c0 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), s.c0) COLLATE Latin1_General_100_BIN2), N':', CONVERT(nvarchar(max), s.c0) COLLATE Latin1_General_100_BIN2) END, CASE WHEN s.c1 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), s.c1)), N':', CONVERT(nvarchar(max), s.c1)) END, CASE WHEN s.c2 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), s.c2)), N':', CONVERT(nvarchar(max), s.c2)) END, CASE WHEN s.c3 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(binary(8), CONVERT(float(53), s.c3)), 2)), N':', CONVERT(nvarchar(max), CONVERT(binary(8), CONVERT(float(53), s.c3)), 2)) END, CASE WHEN s.c4 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(varbinary(max), s.c4), 2)), N':', CONVERT(nvarchar(max), CONVERT(varbinary(max), s.c4), 2)) END, CASE WHEN s.c5 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(nvarchar(40), s.c5, 121))), N':', CONVERT(nvarchar(max), CONVERT(nvarchar(40), s.c5, 121))) END, CASE WHEN s.c6 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), s.c6) COLLATE Latin1_General_100_BIN2), N':', CONVERT(nvarchar(max), s.c6) COLLATE Latin1_General_100_BIN2) END))) THEN 'unchanged' WHEN s.present = 0 THEN 'deleted' ELSE 'written' END,
       position = CASE WHEN t.__elstream_epoch = @epoch0 AND t.__elstream_position IS NOT NULL THEN t.__elstream_position WHEN t.__elstream_epoch IS NULL AND m.__elstream_epoch = @epoch0 AND m.__elstream_position IS NOT NULL THEN m.__elstream_position ELSE 0x END
  FROM #repair AS s LEFT JOIN [o'dbo].[order]]lines] AS t ON t.[region] = s.k0 AND DATALENGTH(t.[region]) = DATALENGTH(s.k0) AND t.[id] = s.k1 LEFT JOIN [elstream].[marker_c8082f3db458b9a4] AS m ON m.[region] = s.k0 AND DATALENGTH(m.[region]) = DATALENGTH(s.k0) AND m.[id] = s.k1;
INSERT INTO [o'dbo].[order]]lines_archive] ([region], [id], [price], [ratio], [picture], [at], [note]]s], [valid_from], [valid_to], [deleted], __elstream_approximate, __elstream_position) SELECT t.[region], t.[id], t.[price], t.[ratio], t.[picture], t.[at], t.[note]]s], t.__elstream_valid_from, CASE WHEN DATEADD(microsecond, CONVERT(int, d.committed_at_us % 1000000), DATEADD(second, CONVERT(int, d.committed_at_us / 1000000 % 86400), DATEADD(day, CONVERT(int, d.committed_at_us / 86400000000), CONVERT(datetime2(6), '1970-01-01')))) IS NULL OR t.__elstream_valid_from > DATEADD(microsecond, CONVERT(int, d.committed_at_us % 1000000), DATEADD(second, CONVERT(int, d.committed_at_us / 1000000 % 86400), DATEADD(day, CONVERT(int, d.committed_at_us / 86400000000), CONVERT(datetime2(6), '1970-01-01')))) THEN t.__elstream_valid_from ELSE DATEADD(microsecond, CONVERT(int, d.committed_at_us % 1000000), DATEADD(second, CONVERT(int, d.committed_at_us / 1000000 % 86400), DATEADD(day, CONVERT(int, d.committed_at_us / 86400000000), CONVERT(datetime2(6), '1970-01-01')))) END, CASE WHEN s.outcome = 'deleted' THEN 1 ELSE 0 END, 1, CONVERT(varbinary(16), NULL) FROM [o'dbo].[order]]lines] AS t JOIN #repair AS s ON t.[region] = s.k0 AND DATALENGTH(t.[region]) = DATALENGTH(s.k0) AND t.[id] = s.k1 JOIN elstream.dead_letter AS d WITH (UPDLOCK) ON d.id = s.letter AND d.pipeline = @pipeline AND d.state = N'parked' AND d.committed_at_us IS NOT NULL AND d.op IN (N'insert', N'update', N'delete')
 WHERE s.outcome IN ('written', 'deleted') AND d.op <> N'insert';
DELETE t FROM [o'dbo].[order]]lines] AS t JOIN #repair AS s ON t.[region] = s.k0 AND DATALENGTH(t.[region]) = DATALENGTH(s.k0) AND t.[id] = s.k1 WHERE s.outcome = 'deleted';
UPDATE m SET m.__elstream_epoch = @epoch0, m.__elstream_position = s.position FROM [elstream].[marker_c8082f3db458b9a4] AS m JOIN #repair AS s ON m.[region] = s.k0 AND DATALENGTH(m.[region]) = DATALENGTH(s.k0) AND m.[id] = s.k1 WHERE s.outcome = 'deleted';
INSERT INTO [elstream].[marker_c8082f3db458b9a4] ([region], [id], __elstream_epoch, __elstream_position) SELECT s.k0, s.k1, @epoch0, s.position FROM #repair AS s
 WHERE s.outcome = 'deleted' AND NOT EXISTS (SELECT 1 FROM [elstream].[marker_c8082f3db458b9a4] AS m WHERE m.[region] = s.k0 AND DATALENGTH(m.[region]) = DATALENGTH(s.k0) AND m.[id] = s.k1);
UPDATE t SET t.[price] = s.c2, t.[ratio] = s.c3, t.[picture] = s.c4, t.[at] = s.c5, t.[note]]s] = s.c6, t.__elstream_epoch = @epoch0, t.__elstream_position = s.position FROM [o'dbo].[order]]lines] AS t JOIN #repair AS s ON t.[region] = s.k0 AND DATALENGTH(t.[region]) = DATALENGTH(s.k0) AND t.[id] = s.k1 WHERE s.outcome = 'written';
INSERT INTO [o'dbo].[order]]lines] ([region], [id], [price], [ratio], [picture], [at], [note]]s], __elstream_epoch, __elstream_position) SELECT s.c0, s.c1, s.c2, s.c3, s.c4, s.c5, s.c6, @epoch0, s.position FROM #repair AS s
 WHERE s.outcome = 'written' AND NOT EXISTS (SELECT 1 FROM [o'dbo].[order]]lines] AS t WHERE t.[region] = s.k0 AND DATALENGTH(t.[region]) = DATALENGTH(s.k0) AND t.[id] = s.k1);
DELETE m FROM [elstream].[marker_c8082f3db458b9a4] AS m JOIN #repair AS s ON m.[region] = s.k0 AND DATALENGTH(m.[region]) = DATALENGTH(s.k0) AND m.[id] = s.k1 WHERE s.outcome = 'written';
UPDATE t SET t.__elstream_valid_from = CASE WHEN DATEADD(microsecond, CONVERT(int, d.committed_at_us % 1000000), DATEADD(second, CONVERT(int, d.committed_at_us / 1000000 % 86400), DATEADD(day, CONVERT(int, d.committed_at_us / 86400000000), CONVERT(datetime2(6), '1970-01-01')))) IS NULL OR t.__elstream_valid_from > DATEADD(microsecond, CONVERT(int, d.committed_at_us % 1000000), DATEADD(second, CONVERT(int, d.committed_at_us / 1000000 % 86400), DATEADD(day, CONVERT(int, d.committed_at_us / 86400000000), CONVERT(datetime2(6), '1970-01-01')))) THEN t.__elstream_valid_from ELSE DATEADD(microsecond, CONVERT(int, d.committed_at_us % 1000000), DATEADD(second, CONVERT(int, d.committed_at_us / 1000000 % 86400), DATEADD(day, CONVERT(int, d.committed_at_us / 86400000000), CONVERT(datetime2(6), '1970-01-01')))) END
  FROM [o'dbo].[order]]lines] AS t JOIN #repair AS s ON t.[region] = s.k0 AND DATALENGTH(t.[region]) = DATALENGTH(s.k0) AND t.[id] = s.k1 JOIN elstream.dead_letter AS d WITH (UPDLOCK) ON d.id = s.letter AND d.pipeline = @pipeline AND d.state = N'parked' AND d.committed_at_us IS NOT NULL AND d.op IN (N'insert', N'update', N'delete') WHERE s.outcome = 'written';
UPDATE t SET t.__elstream_valid_from = (SELECT MAX(h.[valid_to]) FROM [o'dbo].[order]]lines_archive] AS h WHERE h.[region] = t.[region] AND DATALENGTH(h.[region]) = DATALENGTH(t.[region]) AND h.[id] = t.[id])
  FROM [o'dbo].[order]]lines] AS t JOIN #repair AS s ON t.[region] = s.k0 AND DATALENGTH(t.[region]) = DATALENGTH(s.k0) AND t.[id] = s.k1 WHERE s.outcome = 'written' AND t.__elstream_valid_from IS NULL;
IF EXISTS (SELECT 1 FROM #repair WHERE outcome IN ('written', 'deleted'))
UPDATE elstream.table_state SET reread_until = CASE WHEN reread_until >= @until THEN reread_until ELSE @until END, updated_at = @now WHERE pipeline = @pipeline AND table_id = @table;
WITH entry AS (
  SELECT j.n, j.id, CASE j.same WHEN 1 THEN s.outcome WHEN 2 THEN CASE s.outcome WHEN 'moved' THEN 'moved' ELSE 'unchanged' END ELSE 'moved' END AS outcome
    FROM OPENJSON(@settles) WITH (n int '$[0]', ord int '$[1]', same int '$[2]', id uniqueidentifier '$[3]') AS j JOIN #repair AS s ON s.ord = j.ord),
numbered AS (SELECT e.id, e.outcome, ROW_NUMBER() OVER (PARTITION BY e.id ORDER BY e.n) AS place, MAX(CASE e.outcome WHEN 'moved' THEN 1 ELSE 0 END) OVER (PARTITION BY e.id) AS moved FROM entry AS e)
UPDATE d SET d.state = N'replayed', d.settled_at = @now,
       d.note = CASE e.outcome WHEN 'written' THEN N'the source''s row was written' WHEN 'deleted' THEN N'the source has no such row; it was deleted' ELSE N'nothing had to be written' END
  FROM elstream.dead_letter AS d JOIN numbered AS e ON e.id = d.id AND e.place = 1 AND e.moved = 0 WHERE d.pipeline = @pipeline AND d.state = N'parked';
IF NOT EXISTS (SELECT 1 FROM elstream.open_use AS u WHERE u.pipeline = @pipeline AND u.table_id = @table)
  AND NOT EXISTS (SELECT 1 FROM elstream.dead_letter AS d WHERE d.pipeline = @pipeline AND d.table_id = @table AND d.state = N'parked')
  AND EXISTS (SELECT 1 FROM elstream.table_state AS s WHERE s.pipeline = @pipeline AND s.table_id = @table AND s.phase <> N'preloading')
DELETE m FROM [elstream].[marker_c8082f3db458b9a4] AS m WITH (TABLOCKX);
COMMIT TRANSACTION;
SELECT N'done' AS outcome;
SELECT s.ord, s.outcome FROM #repair AS s ORDER BY s.ord;

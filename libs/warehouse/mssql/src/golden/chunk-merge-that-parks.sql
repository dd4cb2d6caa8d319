SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT 10000; SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @lock int = 0, @lane int = 0, @resource nvarchar(255);
DECLARE @epoch0 int, @phase0 nvarchar(64), @run0 uniqueidentifier, @truncated0 nvarchar(128); DECLARE @fill int, @filled bigint = 0, @parked bigint = 0, @stopped nvarchar(max);
BEGIN TRANSACTION;
IF @lock >= 0 EXEC @lock = sp_getapplock @Resource = N'elstream:8d9001d32c6a703d95921a77115050f3', @LockMode = N'Shared', @LockOwner = N'Transaction', @LockTimeout = 10000;
SET @lane = 0;
WHILE @lock >= 0 AND @lane < 16
BEGIN
  SET @resource = CONCAT(N'elstream:54f26d7e2cf23991e73f6763a1cb1e8a:', @lane);
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
UPDATE t SET t.[at] = s.c0, t.[place] = s.c1, t.__elstream_epoch = @fill, t.__elstream_position = CONVERT(varbinary(16), NULL)
  FROM [dbo].[readings] AS t WITH (FORCESEEK) JOIN #chunk AS s ON t.[at] = s.c0 WHERE s.ord >= 0 AND NOT EXISTS (SELECT 1 FROM [elstream].[marker_54f26d7e2cf23991] AS m WITH (FORCESEEK) WHERE m.[at] = s.c0 AND m.__elstream_epoch >= @fill) AND (t.__elstream_epoch < @fill OR (t.__elstream_epoch = @fill AND t.__elstream_position IS NULL));
SET @filled = @filled + @@ROWCOUNT;
INSERT INTO [dbo].[readings] ([at], [place], __elstream_epoch, __elstream_position)
SELECT s.c0, s.c1, @fill, CONVERT(varbinary(16), NULL) FROM #chunk AS s WHERE s.ord >= 0 AND NOT EXISTS (SELECT 1 FROM [elstream].[marker_54f26d7e2cf23991] AS m WITH (FORCESEEK) WHERE m.[at] = s.c0 AND m.__elstream_epoch >= @fill) AND NOT EXISTS (SELECT 1 FROM [dbo].[readings] AS t WITH (FORCESEEK) WHERE t.[at] = s.c0);
SET @filled = @filled + @@ROWCOUNT;
INSERT INTO elstream.dead_letter (pipeline, table_id, origin, op, [key], old_key, [row], bytes, code, reason, position, committed_at_us, epoch)
SELECT @pipeline, p.table_id, p.origin, p.op, p.key_json, p.old_key_json, p.row_json, p.bytes, p.code, p.reason, p.position, CONVERT(bigint, p.committed_at_us), s.epoch
  FROM #parked AS p JOIN elstream.table_state AS s ON s.pipeline = @pipeline AND s.table_id = p.table_id
 WHERE s.epoch > 0 AND s.phase NOT IN (N'new', N'stopped') ORDER BY p.ord;
SET @parked = @@ROWCOUNT;
UPDATE s SET phase = N'stopped', updated_at = @now,
       error = CONCAT(most.parked, N' events or rows are parked for ', most.code, N', more than the limit of ', @limit, N'; the last: ', newest.reason, N'. Override the column''s type in the pipeline file or mend the rows at the source, then start a run for the table: it loads it again and discards what is parked')
  FROM elstream.table_state AS s
 CROSS APPLY (SELECT TOP (1) d.code, COUNT_BIG(*) AS parked, MAX(d.seq) AS seq FROM elstream.dead_letter AS d
               WHERE d.pipeline = s.pipeline AND d.table_id = s.table_id AND d.state = N'parked' AND d.code <> N'CAPTURE_RESUMED' GROUP BY d.code HAVING COUNT_BIG(*) > @limit ORDER BY COUNT_BIG(*) DESC, d.code) AS most
  JOIN elstream.dead_letter AS newest ON newest.seq = most.seq
 WHERE s.pipeline = @pipeline AND s.epoch > 0 AND s.phase NOT IN (N'new', N'stopped') AND s.table_id IN (SELECT p.table_id FROM #parked AS p);
SELECT @stopped = s.error FROM elstream.table_state AS s WHERE s.pipeline = @pipeline AND s.table_id = @table AND s.phase = N'stopped';
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

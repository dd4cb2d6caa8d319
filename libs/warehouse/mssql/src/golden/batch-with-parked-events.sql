SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT 10000; SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @lock int = 0;
DECLARE @written bigint = 0, @deleted bigint = 0;
DECLARE @parked bigint = 0;
DECLARE @epoch0 int, @active0 bit;
DECLARE @mapping0 varchar(64), @events0 bigint, @readUntil0 nvarchar(128), @stored0 nvarchar(max);
SELECT @mapping0 = j.mapping, @events0 = j.[events], @readUntil0 = j.read_until
  FROM OPENJSON(@shares) WITH (n int '$.n', mapping varchar(64) '$.mapping', [events] bigint '$.events', read_until nvarchar(128) '$.readUntil') AS j WHERE j.n = 0;
BEGIN TRANSACTION;
IF @lock >= 0 EXEC @lock = sp_getapplock @Resource = N'elstream:8d9001d32c6a703d95921a77115050f3', @LockMode = N'Shared', @LockOwner = N'Transaction', @LockTimeout = 10000;
IF @lock >= 0 EXEC @lock = sp_getapplock @Resource = N'elstream:54f26d7e2cf23991e73f6763a1cb1e8a:3', @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = 10000;
IF @lock < 0
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'locked-out' AS outcome, @lock AS code;
  RETURN;
END;
DECLARE @now datetime2(6) = SYSUTCDATETIME();
SELECT @epoch0 = s.epoch,
       @active0 = CASE WHEN s.epoch > 0 AND s.phase NOT IN (N'new', N'stopped') THEN 1 ELSE 0 END
  FROM elstream.table_state AS s WHERE s.pipeline = @pipeline AND s.table_id = N'dbo.readings';
SELECT @stored0 = p.mapping FROM elstream.pipeline_table AS p WHERE p.pipeline = @pipeline AND p.table_id = N'dbo.readings';
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
UPDATE elstream.table_state SET events_applied = events_applied + @events0,
       reread_until = CASE WHEN @readUntil0 IS NULL OR reread_until >= @readUntil0 THEN reread_until ELSE @readUntil0 END, updated_at = @now
 WHERE pipeline = @pipeline AND table_id = N'dbo.readings';
END;
UPDATE s SET stale = r.reason, updated_at = @now
  FROM elstream.table_state AS s JOIN OPENJSON(@reloads) WITH (table_id nvarchar(300) '$[0]', reason nvarchar(max) '$[1]') AS r ON r.table_id COLLATE Latin1_General_100_BIN2 = s.table_id
 WHERE s.pipeline = @pipeline AND s.epoch > 0 AND s.phase NOT IN (N'new', N'stopped') AND (s.stale IS NULL OR s.stale LIKE N'log gap: %');
INSERT INTO elstream.dead_letter (pipeline, table_id, origin, op, [key], old_key, [row], bytes, code, reason, position, committed_at_us, epoch)
SELECT @pipeline, p.table_id, p.origin, p.op, p.key_json, p.old_key_json, p.row_json, p.bytes, p.code, p.reason, p.position, CONVERT(bigint, p.committed_at_us), s.epoch
  FROM #parked AS p JOIN elstream.table_state AS s ON s.pipeline = @pipeline AND s.table_id = p.table_id
 WHERE s.epoch > 0 AND s.phase NOT IN (N'new', N'stopped') ORDER BY p.ord;
SET @parked = @@ROWCOUNT;
INSERT INTO elstream.history_due (pipeline, table_id, [key])
SELECT @pipeline, j.table_id, j.key_json
  FROM OPENJSON(@parked_due) WITH (ord int '$[0]', table_id nvarchar(300) '$[1]', key_json nvarchar(max) '$[2]' AS JSON) AS j JOIN elstream.table_state AS s ON s.pipeline = @pipeline AND s.table_id = j.table_id COLLATE Latin1_General_100_BIN2
 WHERE s.epoch > 0 AND s.phase NOT IN (N'new', N'stopped') ORDER BY j.ord;
UPDATE s SET phase = N'stopped', updated_at = @now,
       error = CONCAT(most.parked, N' events or rows are parked for ', most.code, N', more than the limit of ', @limit, N'; the last: ', newest.reason, N'. Override the column''s type in the pipeline file or mend the rows at the source, then start a run for the table: it loads it again and discards what is parked')
  FROM elstream.table_state AS s
 CROSS APPLY (SELECT TOP (1) d.code, COUNT_BIG(*) AS parked, MAX(d.seq) AS seq FROM elstream.dead_letter AS d
               WHERE d.pipeline = s.pipeline AND d.table_id = s.table_id AND d.state = N'parked' AND d.code <> N'CAPTURE_RESUMED' GROUP BY d.code HAVING COUNT_BIG(*) > @limit ORDER BY COUNT_BIG(*) DESC, d.code) AS most
  JOIN elstream.dead_letter AS newest ON newest.seq = most.seq
 WHERE s.pipeline = @pipeline AND s.epoch > 0 AND s.phase NOT IN (N'new', N'stopped') AND s.table_id IN (SELECT p.table_id FROM #parked AS p);
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

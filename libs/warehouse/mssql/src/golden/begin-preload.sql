SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT 10000; SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @lock int = 0, @lane int = 0, @resource nvarchar(255);
DECLARE @epoch0 int, @phase0 nvarchar(64), @run0 uniqueidentifier;
BEGIN TRANSACTION;
IF NOT EXISTS (SELECT 1 FROM elstream.run WITH (REPEATABLEREAD) WHERE id = @run AND state IN (N'pending', N'running'))
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'run-ended' AS outcome;
  RETURN;
END;
IF NOT EXISTS (SELECT 1 FROM elstream.[checkpoint] WHERE pipeline = @pipeline)
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'no-checkpoint' AS outcome;
  RETURN;
END;
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
       @run0 = s.run_id
  FROM elstream.table_state AS s WHERE s.pipeline = @pipeline AND s.table_id = @table;
IF @epoch0 IS NULL
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'not-prepared' AS outcome;
  RETURN;
END;
IF @run0 = @run AND @phase0 NOT IN (N'new', N'stopped')
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'raised' AS outcome, @epoch0 AS epoch;
  RETURN;
END;
SET @epoch0 = @epoch0 + 1;
DELETE m FROM [elstream].[marker_c8082f3db458b9a4] AS m WITH (TABLOCKX) WHERE m.__elstream_epoch < @epoch0;
UPDATE elstream.dead_letter SET state = N'discarded', settled_at = @now, note = N'the table was preloaded again'
 WHERE pipeline = @pipeline AND table_id = @table AND state = N'parked' AND epoch < @epoch0;
UPDATE elstream.table_state SET epoch = @epoch0, phase = N'preloading', run_id = @run, truncate_epoch = NULL, truncate_position = NULL,
       live_at = NULL, reread_until = NULL, rows_preloaded = 0, error = NULL, updated_at = @now WHERE pipeline = @pipeline AND table_id = @table;
UPDATE s SET stale = NULL FROM elstream.table_state AS s
 WHERE s.pipeline = @pipeline AND s.table_id = @table AND s.stale IS NOT NULL AND NOT (s.stale LIKE N'log gap: %') AND NOT EXISTS (SELECT 1 FROM OPENJSON(CASE WHEN s.stale LIKE N'columns were added at the source: %' THEN SUBSTRING(s.stale, 35, DATALENGTH(s.stale)) ELSE N'[]' END) AS a WHERE a.[value] COLLATE Latin1_General_100_BIN2 NOT IN (SELECT c.[value] COLLATE Latin1_General_100_BIN2 FROM OPENJSON(@columns) AS c));
COMMIT TRANSACTION;
SELECT N'raised' AS outcome, @epoch0 AS epoch;

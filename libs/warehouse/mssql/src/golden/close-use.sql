SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT 10000; SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @lock int = 0, @lane int = 0, @resource nvarchar(255);
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
DELETE FROM elstream.open_use WHERE pipeline = @pipeline AND table_id = @table AND run_id = @run;
IF NOT EXISTS (SELECT 1 FROM elstream.open_use AS u WHERE u.pipeline = @pipeline AND u.table_id = @table)
  AND NOT EXISTS (SELECT 1 FROM elstream.dead_letter AS d WHERE d.pipeline = @pipeline AND d.table_id = @table AND d.state = N'parked')
  AND EXISTS (SELECT 1 FROM elstream.table_state AS s WHERE s.pipeline = @pipeline AND s.table_id = @table AND s.phase <> N'preloading')
DELETE m FROM [elstream].[marker_c8082f3db458b9a4] AS m WITH (TABLOCKX);
COMMIT TRANSACTION;
SELECT N'closed' AS outcome;

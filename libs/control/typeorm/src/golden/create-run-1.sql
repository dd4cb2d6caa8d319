-- https://learn.microsoft.com/en-us/sql/t-sql/functions/openjson-transact-sql
SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT 30000;
DECLARE @outcome nvarchar(16), @active uniqueidentifier, @cancelled uniqueidentifier, @rows int, @gap nvarchar(max), @found nvarchar(100);
BEGIN TRANSACTION;
SELECT @found = name, @gap = gap_reason FROM [elstream].[pipeline] WITH (UPDLOCK, ROWLOCK) WHERE name = @1;
IF @found IS NOT NULL
BEGIN
  SELECT TOP (1) @active = id FROM [elstream].[run] WHERE pipeline = @1 AND (lane = @4 OR (lane = N'load' AND @4 = N'validate')) AND state IN (N'pending', N'running');
  IF @2 = N'log-gap' AND @gap IS NULL SET @outcome = N'gap-gone';
  ELSE IF @active IS NOT NULL SET @outcome = N'active';
  ELSE
  BEGIN
    IF @4 = N'load'
    BEGIN
      SELECT TOP (1) @cancelled = id FROM [elstream].[run] WHERE pipeline = @1 AND lane = N'validate' AND state IN (N'pending', N'running');
      IF @cancelled IS NOT NULL
      BEGIN
        UPDATE [elstream].[run] SET state = N'cancelled', error = @7, finished_at = SYSUTCDATETIME() WHERE id = @cancelled AND state IN (N'pending', N'running');
        SET @rows = 1;
WHILE @rows > 0
BEGIN
  UPDATE TOP (4000) [elstream].[task] SET state = N'cancelled', finished_at = SYSUTCDATETIME()
   WHERE run_id = @cancelled AND state IN (N'pending', N'running');
  SET @rows = @@ROWCOUNT;
END;
      END;
    END;
    INSERT INTO [elstream].[run] (id, pipeline, reason, stages, lane, scope, tables) VALUES (@0, @1, @2, @3, @4, @5, @6);
INSERT INTO [elstream].[task] (id, run_id, pipeline, table_id, kind, epoch, ordinal, payload)
SELECT n.id, @0, @1, n.table_id, n.kind, n.epoch, n.ordinal, n.payload
  FROM OPENJSON(@8) WITH (
    id uniqueidentifier '$.id', table_id nvarchar(4000) '$.tableId', kind nvarchar(4000) '$.kind', epoch int '$.epoch', ordinal int '$.ordinal',
    payload nvarchar(max) '$.payload' AS JSON) AS n;
    SET @outcome = N'created';
  END;
END;
COMMIT TRANSACTION;
SELECT @outcome AS outcome, @active AS active;

-- https://learn.microsoft.com/en-us/sql/t-sql/functions/openjson-transact-sql
SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT 30000;
DECLARE @outcome nvarchar(16), @last int, @state nvarchar(64), @pipeline nvarchar(100);
BEGIN TRANSACTION;
SELECT @state = state, @pipeline = pipeline FROM [elstream].[run] WITH (UPDLOCK, ROWLOCK) WHERE id = @0;
IF @state IN (N'pending', N'running')
BEGIN
  SELECT TOP (1) @last = ordinal FROM [elstream].[task] WHERE run_id = @0 ORDER BY ordinal DESC;
  IF COALESCE(@last, -1) <> @6 SET @outcome = N'moved';
  ELSE
  BEGIN
UPDATE [elstream].[task] SET state = N'done', result = @4, [rows] = COALESCE(@5, [rows]), error = NULL, finished_at = SYSUTCDATETIME()
   WHERE id = @1 AND run_id = @0 AND state = N'running' AND (epoch = @2 OR (epoch IS NULL AND @2 IS NULL)) AND attempt = @3;
  IF @@ROWCOUNT = 1
  BEGIN
    SET @outcome = N'done';
INSERT INTO [elstream].[task] (id, run_id, pipeline, table_id, kind, epoch, ordinal, payload)
SELECT n.id, @0, @pipeline, n.table_id, n.kind, n.epoch, n.ordinal, n.payload
  FROM OPENJSON(@7) WITH (
    id uniqueidentifier '$.id', table_id nvarchar(4000) '$.tableId', kind nvarchar(4000) '$.kind', epoch int '$.epoch', ordinal int '$.ordinal',
    payload nvarchar(max) '$.payload' AS JSON) AS n;
  END;
  END;
END;
COMMIT TRANSACTION;
SELECT @outcome AS outcome;

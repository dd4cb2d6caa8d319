-- https://learn.microsoft.com/en-us/sql/t-sql/queries/hints-transact-sql-table
SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT 30000;
DECLARE @outcome nvarchar(16), @state nvarchar(64);
BEGIN TRANSACTION;
SELECT @state = state FROM [elstream].[run] WITH (UPDLOCK, ROWLOCK) WHERE id = @0;
IF @state IN (N'pending', N'running')
BEGIN
  UPDATE [elstream].[task] SET state = N'done', result = @4, [rows] = COALESCE(@5, [rows]), error = NULL, finished_at = SYSUTCDATETIME()
   WHERE id = @1 AND run_id = @0 AND state = N'running' AND (epoch = @2 OR (epoch IS NULL AND @2 IS NULL)) AND attempt = @3;
  IF @@ROWCOUNT = 1
  BEGIN
    SET @outcome = N'done';

  END;
END;
COMMIT TRANSACTION;
SELECT @outcome AS outcome;

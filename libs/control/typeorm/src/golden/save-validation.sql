-- https://learn.microsoft.com/en-us/sql/t-sql/queries/hints-transact-sql-table
SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT 30000;
DECLARE @outcome nvarchar(16);
BEGIN TRANSACTION;
UPDATE [elstream].[validation] WITH (UPDLOCK, HOLDLOCK)
   SET scope = @3, position = @4, rows_compared = @5, confirmed_equal = @6, unverified = @7, differences = @8, finished_at = SYSUTCDATETIME()
 WHERE pipeline = @0 AND table_id = @1 AND run_id = @2;
IF @@ROWCOUNT = 0
  INSERT INTO [elstream].[validation] (pipeline, table_id, run_id, scope, position, rows_compared, confirmed_equal, unverified, differences)
  VALUES (@0, @1, @2, @3, @4, @5, @6, @7, @8);
SET @outcome = N'saved';
COMMIT TRANSACTION;
SELECT @outcome AS outcome;

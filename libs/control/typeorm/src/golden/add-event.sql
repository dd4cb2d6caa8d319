-- https://learn.microsoft.com/en-us/sql/t-sql/queries/hints-transact-sql-table
SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT 30000;
DECLARE @outcome nvarchar(16), @state nvarchar(64);
BEGIN TRANSACTION;
SELECT @state = state FROM [elstream].[run] WITH (UPDLOCK, ROWLOCK) WHERE id = @0;
IF @state IS NOT NULL
BEGIN
  INSERT INTO [elstream].[run_event] (run_id, type, table_id, detail) VALUES (@0, @1, @2, @3);
  SET @outcome = N'added';
END;
COMMIT TRANSACTION;
SELECT @outcome AS outcome;

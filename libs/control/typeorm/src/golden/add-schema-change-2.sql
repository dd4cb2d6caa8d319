-- https://learn.microsoft.com/en-us/sql/t-sql/queries/hints-transact-sql-table
SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT 30000;
DECLARE @outcome nvarchar(16), @last bigint, @found nvarchar(100);
BEGIN TRANSACTION;
SELECT @found = name FROM [elstream].[pipeline] WITH (UPDLOCK, ROWLOCK) WHERE name = @0;
IF @found IS NOT NULL
BEGIN
  SELECT @last = MAX(seq) FROM [elstream].[schema_change] WHERE pipeline = @0 AND table_id = @1;
  IF COALESCE(@last, 0) <> @2 SET @outcome = N'moved';
  ELSE
  BEGIN
    UPDATE [elstream].[schema_change] SET state = N'obsolete', decided_at = SYSUTCDATETIME() WHERE pipeline = @0 AND table_id = @1 AND state = N'proposed';
    INSERT INTO [elstream].[schema_change] (id, pipeline, table_id, state, change) VALUES (@3, @0, @1, @4, @5);
    SET @outcome = N'added';
  END;
END;
COMMIT TRANSACTION;
SELECT @outcome AS outcome;

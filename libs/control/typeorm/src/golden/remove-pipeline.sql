-- https://learn.microsoft.com/en-us/sql/t-sql/queries/hints-transact-sql-table
SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT 30000;
DECLARE @outcome nvarchar(16), @rows int, @reason nvarchar(64), @found nvarchar(100);
BEGIN TRANSACTION;
SELECT @found = name FROM [elstream].[pipeline] WITH (UPDLOCK, ROWLOCK) WHERE name = @0;
SELECT @reason = MAX(reason) FROM [elstream].[run] WITH (UPDLOCK, ROWLOCK) WHERE pipeline = @0;
IF @reason IS NOT NULL
BEGIN
  SET @rows = 1;
WHILE @rows > 0
BEGIN
  DELETE TOP (4000) FROM [elstream].[task] WHERE run_id IN (SELECT id FROM [elstream].[run] WHERE pipeline = @0);
  SET @rows = @@ROWCOUNT;
END;
END;
SET @rows = 1;
WHILE @rows > 0
BEGIN
  DELETE TOP (4000) FROM [elstream].[table_state] WHERE pipeline = @0;
  SET @rows = @@ROWCOUNT;
END;
SET @rows = 1;
WHILE @rows > 0
BEGIN
  DELETE TOP (4000) FROM [elstream].[checkpoint] WHERE pipeline = @0;
  SET @rows = @@ROWCOUNT;
END;
SET @rows = 1;
WHILE @rows > 0
BEGIN
  DELETE TOP (4000) FROM [elstream].[dead_letter] WHERE pipeline = @0;
  SET @rows = @@ROWCOUNT;
END;
SET @rows = 1;
WHILE @rows > 0
BEGIN
  DELETE TOP (4000) FROM [elstream].[open_use] WHERE pipeline = @0;
  SET @rows = @@ROWCOUNT;
END;
SET @rows = 1;
WHILE @rows > 0
BEGIN
  DELETE TOP (4000) FROM [elstream].[history_due] WHERE pipeline = @0;
  SET @rows = @@ROWCOUNT;
END;
SET @rows = 1;
WHILE @rows > 0
BEGIN
  DELETE TOP (4000) FROM [elstream].[schema_change] WHERE pipeline = @0;
  SET @rows = @@ROWCOUNT;
END;
SET @rows = 1;
WHILE @rows > 0
BEGIN
  DELETE TOP (4000) FROM [elstream].[validation] WHERE pipeline = @0;
  SET @rows = @@ROWCOUNT;
END;
DELETE FROM [elstream].[pipeline] WHERE name = @0;
SET @outcome = CASE WHEN @found IS NULL THEN N'unknown' ELSE N'removed' END;
COMMIT TRANSACTION;
SELECT @outcome AS outcome;

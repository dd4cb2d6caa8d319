-- https://learn.microsoft.com/en-us/sql/t-sql/functions/openjson-transact-sql
SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT 30000;
DECLARE @outcome nvarchar(16), @found nvarchar(100);
BEGIN TRANSACTION;
SELECT @found = name FROM [elstream].[pipeline] WITH (UPDLOCK, ROWLOCK) WHERE name = @0;
IF @found IS NOT NULL
BEGIN
  DELETE FROM [elstream].[pipeline_table] WHERE pipeline = @0;
  INSERT INTO [elstream].[pipeline_table] (pipeline, table_id, ordinal, mapping)
  SELECT @0, n.id, n.ordinal, n.mapping FROM OPENJSON(@1) WITH (id nvarchar(4000) '$.id', ordinal int '$.ordinal', mapping nvarchar(max) '$.mapping' AS JSON) AS n;
  SET @outcome = N'saved';
END;
COMMIT TRANSACTION;
SELECT @outcome AS outcome;

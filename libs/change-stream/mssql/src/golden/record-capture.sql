SET XACT_ABORT ON; SET LOCK_TIMEOUT 2000;
IF OBJECT_ID(N'[elstream].[counter]', N'U') IS NULL
BEGIN
  SELECT 0 AS there;
  RETURN;
END;
BEGIN TRANSACTION;
UPDATE [elstream].[counter] WITH (UPDLOCK, HOLDLOCK) SET value = value + @step, raised_at = SYSUTCDATETIME(), capture = @capture WHERE pipeline = @pipeline;
IF @@ROWCOUNT = 0
  INSERT INTO [elstream].[counter] (pipeline, value, raised_at, capture) VALUES (@pipeline, DATEDIFF_BIG(millisecond, CONVERT(datetime2(3), '1970-01-01T00:00:00', 126), SYSUTCDATETIME()), SYSUTCDATETIME(), @capture);
COMMIT TRANSACTION;
SELECT 1 AS there;

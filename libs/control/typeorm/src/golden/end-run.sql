SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT 30000;
DECLARE @outcome nvarchar(16), @rows int;
BEGIN TRANSACTION;
UPDATE r SET state = @1, error = @2, finished_at = SYSUTCDATETIME()
  FROM [elstream].[run] AS r
 WHERE r.id = @0 AND r.state IN (N'pending', N'running') AND (@3 = 0 OR EXISTS (SELECT 1 FROM [elstream].[pipeline] AS p WHERE p.name = r.pipeline AND p.gap_reason IS NOT NULL));
IF @@ROWCOUNT = 1
BEGIN
  SET @outcome = N'ended';
  SET @rows = 1;
WHILE @rows > 0
BEGIN
  UPDATE TOP (4000) [elstream].[task] SET state = N'cancelled', finished_at = SYSUTCDATETIME()
   WHERE run_id = @0 AND state IN (N'pending', N'running');
  SET @rows = @@ROWCOUNT;
END;
END;
COMMIT TRANSACTION;
SELECT @outcome AS outcome;

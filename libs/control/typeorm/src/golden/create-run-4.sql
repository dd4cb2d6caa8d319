DECLARE @rows int = 1;
WHILE @rows > 0
BEGIN
  UPDATE TOP (4000) [elstream].[task] SET state = N'cancelled', finished_at = SYSUTCDATETIME()
   WHERE run_id = @0 AND state IN (N'pending', N'running');
  SET @rows = @@ROWCOUNT;
END;

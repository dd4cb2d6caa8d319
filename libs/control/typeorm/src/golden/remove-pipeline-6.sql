DECLARE @rows int = 1;
WHILE @rows > 0
BEGIN
  DELETE TOP (4000) FROM [elstream].[open_use] WHERE pipeline = @0;
  SET @rows = @@ROWCOUNT;
END;

DELETE FROM [elstream].[open_use] WHERE [pipeline] = @0

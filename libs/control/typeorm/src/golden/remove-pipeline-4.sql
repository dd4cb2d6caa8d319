DELETE FROM [elstream].[checkpoint] WHERE [pipeline] = @0

DELETE FROM [elstream].[validation] WHERE [pipeline] = @0

DELETE FROM [elstream].[dead_letter] WHERE [pipeline] = @0

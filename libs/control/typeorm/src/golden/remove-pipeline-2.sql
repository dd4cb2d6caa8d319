DELETE FROM [elstream].[task] WHERE [pipeline] = @0

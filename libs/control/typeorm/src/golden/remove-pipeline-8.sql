DELETE FROM [elstream].[schema_change] WHERE [pipeline] = @0

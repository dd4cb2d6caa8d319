DELETE FROM [elstream].[pipeline] WHERE [name] = @0

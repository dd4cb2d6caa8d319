DELETE FROM [elstream].[history_due] WHERE [pipeline] = @0

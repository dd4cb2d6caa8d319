UPDATE [elstream].[pipeline] SET [gap_reason] = @0 WHERE [name] = @1

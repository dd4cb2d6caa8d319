UPDATE [elstream].[pipeline] SET [identity] = @0 WHERE [name] = @1

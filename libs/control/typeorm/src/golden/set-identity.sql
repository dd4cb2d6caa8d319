SET NOCOUNT OFF; SET LOCK_TIMEOUT 30000;
UPDATE [elstream].[pipeline] SET [identity] = @0 WHERE [name] = @1

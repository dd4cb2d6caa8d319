SET NOCOUNT OFF; SET LOCK_TIMEOUT 30000;
UPDATE [elstream].[pipeline] SET [stream_error] = @0 WHERE [name] = @1

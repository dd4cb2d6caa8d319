SET NOCOUNT OFF; SET LOCK_TIMEOUT 30000;
UPDATE [elstream].[pipeline] SET [gap_reason] = @0 WHERE [name] = @1

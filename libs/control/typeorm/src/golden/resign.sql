SET NOCOUNT OFF; SET LOCK_TIMEOUT 30000;
DELETE FROM [elstream].[lease] WHERE ([role] = @0 AND [holder] = @1)

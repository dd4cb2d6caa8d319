SET NOCOUNT OFF; SET LOCK_TIMEOUT 30000;
UPDATE [elstream].[dead_letter] SET [note] = @0, [replays] = [replays] + 1 WHERE ([id] = @1 AND [state] = @2)

SET NOCOUNT OFF; SET LOCK_TIMEOUT 10000;
UPDATE elstream.table_state SET live_at = @position, updated_at = SYSUTCDATETIME()
 WHERE pipeline = @pipeline AND table_id = @table AND epoch = @epoch AND phase = N'catching-up' AND live_at IS NULL;

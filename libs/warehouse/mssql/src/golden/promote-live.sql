SET NOCOUNT OFF; SET LOCK_TIMEOUT 10000;
UPDATE elstream.table_state SET phase = N'live', updated_at = SYSUTCDATETIME()
 WHERE pipeline = @pipeline AND table_id = @table AND phase = N'catching-up' AND epoch = @epoch AND live_at = @liveAt;

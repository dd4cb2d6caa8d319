SELECT s.table_id, s.epoch, s.phase, LOWER(CONVERT(nvarchar(36), s.run_id)) AS run_id, s.truncate_epoch, s.truncate_position, s.live_at, s.reread_until, s.mixed_epoch,
       CONVERT(nvarchar(20), s.rows_preloaded) AS rows_preloaded, CONVERT(nvarchar(20), s.events_applied) AS events_applied, s.stale, s.error, CASE WHEN EXISTS (SELECT 1 FROM elstream.open_use AS u WHERE u.pipeline = s.pipeline AND u.table_id = s.table_id)
         OR EXISTS (SELECT 1 FROM elstream.dead_letter AS d WHERE d.pipeline = s.pipeline AND d.table_id = s.table_id AND d.state = N'parked') THEN 1 ELSE 0 END AS open_uses, CONCAT(s.epoch, N' ', s.phase, N' ', s.truncate_epoch, N' ', s.truncate_position, N' ', s.reread_until, N' ', s.mixed_epoch) AS token
  FROM elstream.table_state AS s
 WHERE s.pipeline = @pipeline AND (@tables IS NULL OR s.table_id IN (SELECT j.[value] COLLATE Latin1_General_100_BIN2 FROM OPENJSON(@tables) AS j))
 ORDER BY s.table_id

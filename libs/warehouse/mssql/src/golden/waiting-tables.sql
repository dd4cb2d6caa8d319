SELECT s.table_id, s.live_at, s.epoch FROM elstream.table_state AS s WHERE s.pipeline = @pipeline AND s.phase = N'catching-up' AND s.live_at IS NOT NULL ORDER BY s.table_id;

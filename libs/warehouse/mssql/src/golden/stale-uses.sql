SELECT u.table_id, LOWER(CONVERT(nvarchar(36), u.run_id)) AS run_id FROM elstream.open_use AS u LEFT JOIN elstream.run AS r ON r.id = u.run_id
 WHERE u.pipeline = @pipeline AND (r.id IS NULL OR r.state NOT IN (N'pending', N'running')) ORDER BY u.table_id, u.run_id;

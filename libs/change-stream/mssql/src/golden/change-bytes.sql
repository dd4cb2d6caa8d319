SELECT SUM(a.total_pages) * CONVERT(bigint, 8192) AS bytes
  FROM OPENJSON(@instances) AS w
  JOIN cdc.change_tables AS t ON t.capture_instance = w.value COLLATE DATABASE_DEFAULT
  JOIN sys.partitions AS p ON p.object_id = t.object_id
  JOIN sys.allocation_units AS a ON a.container_id = CASE WHEN a.type = 2 THEN p.partition_id ELSE p.hobt_id END;

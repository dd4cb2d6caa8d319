-- https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-columns-transact-sql

SELECT c.name AS name, CASE WHEN u.is_user_defined = 0 THEN u.name ELSE COALESCE(b.name, u.name) END AS base, CONVERT(int, c.max_length) AS maxLength, CONVERT(int, c.[precision]) AS [precision], CONVERT(int, c.scale) AS scale,
  c.collation_name AS collation, CONVERT(bit, CASE WHEN d.snapshot_isolation_state = 1 THEN 1 ELSE 0 END) AS snapshot
FROM sys.tables AS o
  JOIN sys.schemas AS s ON s.schema_id = o.schema_id
  JOIN sys.columns AS c ON c.object_id = o.object_id
  JOIN sys.types AS u ON u.user_type_id = c.user_type_id
  LEFT JOIN sys.types AS b ON b.user_type_id = c.system_type_id
  CROSS JOIN sys.databases AS d
WHERE s.name = @schema AND o.name = @name AND d.database_id = DB_ID()

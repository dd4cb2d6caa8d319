-- https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-columns-transact-sql

SELECT CONVERT(nvarchar(20), c.object_id) AS [table], c.name AS name, CASE WHEN u.is_user_defined = 0 THEN u.name ELSE COALESCE(b.name, u.name) END AS base,
  CONVERT(int, c.max_length) AS maxLength, CONVERT(int, c.[precision]) AS [precision], CONVERT(int, c.scale) AS scale, c.collation_name AS collation,
  c.is_nullable AS nullable, c.is_computed AS computed, ISNULL(c.is_column_set, 0) AS columnSet, CONVERT(int, ISNULL(c.generated_always_type, 0)) AS generated,
  CONVERT(bit, CASE WHEN c.is_masked = 1 AND COALESCE(HAS_PERMS_BY_NAME(QUOTENAME(OBJECT_SCHEMA_NAME(c.object_id)) + N'.' + QUOTENAME(OBJECT_NAME(c.object_id)), N'OBJECT', N'UNMASK', c.name, N'COLUMN'), 0) = 0 THEN 1 ELSE 0 END) AS masked,
  CONVERT(bit, CASE WHEN c.encryption_type IS NULL THEN 0 ELSE 1 END) AS encrypted,
  CONVERT(bit, COALESCE(HAS_PERMS_BY_NAME(QUOTENAME(OBJECT_SCHEMA_NAME(c.object_id)) + N'.' + QUOTENAME(OBJECT_NAME(c.object_id)), N'OBJECT', N'SELECT', c.name, N'COLUMN'), 0)) AS readable
FROM OPENJSON(@tables) WITH (id int '$') AS wanted
  JOIN sys.columns AS c ON c.object_id = wanted.id
  JOIN sys.types AS u ON u.user_type_id = c.user_type_id
  LEFT JOIN sys.types AS b ON b.user_type_id = c.system_type_id
ORDER BY c.object_id, c.column_id

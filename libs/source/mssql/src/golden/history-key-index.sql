-- https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-index-columns-transact-sql

SELECT CONVERT(bit, CASE WHEN EXISTS (
  SELECT 1
  FROM OPENJSON(@key) AS j
    JOIN sys.tables AS o ON o.name = @name AND o.schema_id = SCHEMA_ID(@schema)
    JOIN sys.indexes AS i ON i.object_id = o.object_id AND i.type IN (1, 2) AND i.is_disabled = 0 AND i.has_filter = 0
    JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id AND k.key_ordinal = CONVERT(int, j.[key]) + 1 AND k.is_descending_key = 0
    JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id AND c.name = j.value COLLATE DATABASE_DEFAULT
  GROUP BY i.index_id
  HAVING COUNT(*) = (SELECT COUNT(*) FROM OPENJSON(@key))
) THEN 1 ELSE 0 END) AS indexed

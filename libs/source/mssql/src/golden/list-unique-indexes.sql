-- https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-indexes-transact-sql

SELECT CONVERT(nvarchar(20), i.object_id) AS [table], CONVERT(int, i.index_id) AS [index], i.is_primary_key AS isPrimary, c.name AS [column]
FROM OPENJSON(@tables) WITH (id int '$') AS wanted
  JOIN sys.indexes AS i ON i.object_id = wanted.id
  JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id AND k.key_ordinal > 0
  JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id
WHERE i.is_unique = 1 AND i.is_disabled = 0 AND i.has_filter = 0 AND i.is_hypothetical = 0 AND i.type IN (1, 2)
ORDER BY i.object_id, i.is_primary_key DESC, COUNT(*) OVER (PARTITION BY i.object_id, i.index_id), i.index_id, k.key_ordinal

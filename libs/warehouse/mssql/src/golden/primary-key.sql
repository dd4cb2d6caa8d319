SELECT i.[name] AS [constraint], c.[name] AS [name] FROM sys.indexes AS i
  JOIN sys.index_columns AS x ON x.object_id = i.object_id AND x.index_id = i.index_id JOIN sys.columns AS c ON c.object_id = x.object_id AND c.column_id = x.column_id
 WHERE i.object_id = @id AND i.is_primary_key = 1 AND x.key_ordinal > 0 ORDER BY x.key_ordinal;

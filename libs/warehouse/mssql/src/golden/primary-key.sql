SELECT k.[name] AS [constraint], c.[name] AS [name] FROM sys.key_constraints AS k
  JOIN sys.index_columns AS x ON x.object_id = k.parent_object_id AND x.index_id = k.unique_index_id JOIN sys.columns AS c ON c.object_id = x.object_id AND c.column_id = x.column_id
 WHERE k.parent_object_id = @id AND k.[type] = 'PK' AND x.key_ordinal > 0 ORDER BY x.key_ordinal;

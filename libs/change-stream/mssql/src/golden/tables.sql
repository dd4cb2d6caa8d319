SELECT s.name AS [schema], t.name AS [table], t.temporal_type AS temporal, c.name AS [column], c.is_computed AS computed
  FROM OPENJSON(@tables) WITH ([schema] nvarchar(128) '$.schema', name nvarchar(128) '$.name') AS w
  JOIN sys.schemas AS s ON s.name = w.[schema] COLLATE DATABASE_DEFAULT
  JOIN sys.tables AS t ON t.schema_id = s.schema_id AND t.name = w.name COLLATE DATABASE_DEFAULT
  JOIN sys.columns AS c ON c.object_id = t.object_id
 ORDER BY s.name, t.name, c.column_id;

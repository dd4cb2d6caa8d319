SELECT c.name, TYPE_NAME(c.system_type_id) AS type, CASE WHEN c.is_nullable = 1 OR c.is_identity = 1 OR c.is_computed = 1 OR c.default_object_id <> 0 THEN 0 ELSE 1 END AS required,
       CASE WHEN EXISTS (SELECT 1 FROM sys.indexes AS i JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id
                          WHERE i.object_id = c.object_id AND i.is_primary_key = 1 AND k.column_id = c.column_id) THEN 1 ELSE 0 END AS keyed
  FROM sys.columns AS c
 WHERE c.object_id = OBJECT_ID(N'[se]]l].[o''rd]]er]', N'U');
SELECT CASE WHEN HAS_PERMS_BY_NAME(N'[se]]l].[o''rd]]er]', N'OBJECT', N'SELECT') = 1 AND HAS_PERMS_BY_NAME(N'[se]]l].[o''rd]]er]', N'OBJECT', N'INSERT') = 1
             AND HAS_PERMS_BY_NAME(N'[se]]l].[o''rd]]er]', N'OBJECT', N'UPDATE') = 1 AND HAS_PERMS_BY_NAME(N'[se]]l].[o''rd]]er]', N'OBJECT', N'DELETE') = 1 THEN 1 ELSE 0 END AS usable;

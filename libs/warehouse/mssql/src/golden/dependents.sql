WITH dependent (id, depth) AS (
  SELECT d.referencing_id, 1 FROM sys.sql_expression_dependencies AS d WHERE d.referenced_id = OBJECT_ID(@name)
  UNION ALL SELECT d.referencing_id, p.depth + 1 FROM dependent AS p JOIN sys.sql_expression_dependencies AS d ON d.referenced_id = p.id AND d.referencing_id <> p.id WHERE p.depth < 30)
SELECT OBJECT_SCHEMA_NAME(o.object_id) AS [schema], o.[name] AS [name], RTRIM(o.[type]) AS kind FROM sys.objects AS o JOIN (SELECT p.id, MAX(p.depth) AS depth FROM dependent AS p GROUP BY p.id) AS x ON x.id = o.object_id
 WHERE o.[type] IN ('V', 'IF', 'TF', 'FN', 'P') ORDER BY x.depth, o.object_id;

-- https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-security-predicates-transact-sql

SELECT CONVERT(nvarchar(20), p.target_object_id) AS [table], MIN(OBJECT_SCHEMA_NAME(y.object_id) + N'.' + y.name) AS policy
FROM OPENJSON(@tables) WITH (id int '$') AS wanted
  JOIN sys.security_predicates AS p ON p.target_object_id = wanted.id AND p.predicate_type = 0
  JOIN sys.security_policies AS y ON y.object_id = p.object_id AND y.is_enabled = 1
GROUP BY p.target_object_id

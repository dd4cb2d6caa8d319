-- https://learn.microsoft.com/sql/relational-databases/system-catalog-views/object-catalog-views-transact-sql
SELECT CONCAT(N'foreign key ', f.[name]) AS what FROM sys.foreign_keys AS f WHERE f.parent_object_id = @id
UNION ALL SELECT CONCAT(N'foreign key ', f.[name], N' of ', OBJECT_SCHEMA_NAME(f.parent_object_id), N'.', OBJECT_NAME(f.parent_object_id), N' refers to it') FROM sys.foreign_keys AS f WHERE f.referenced_object_id = @id AND f.parent_object_id <> @id
UNION ALL SELECT CONCAT(N'unique index ', i.[name]) FROM sys.indexes AS i WHERE i.object_id = @id AND i.is_unique = 1 AND i.is_primary_key = 0
UNION ALL SELECT CONCAT(N'trigger ', g.[name]) FROM sys.triggers AS g WHERE g.parent_id = @id
UNION ALL SELECT DISTINCT CONCAT(N'indexed view ', OBJECT_SCHEMA_NAME(v.object_id), N'.', v.[name], N' of it, which has a unique index') FROM sys.views AS v JOIN sys.indexes AS i ON i.object_id = v.object_id AND i.is_unique = 1
          JOIN sys.sql_expression_dependencies AS d ON d.referencing_id = v.object_id WHERE d.referenced_id = @id
UNION ALL SELECT N'system versioning' FROM sys.tables AS s WHERE s.object_id = @id AND s.temporal_type <> 0
UNION ALL SELECT N'memory optimisation' FROM sys.tables AS s WHERE s.object_id = @id AND s.is_memory_optimized = 1
UNION ALL SELECT CONCAT(N'row level security by ', p.[name]) FROM sys.security_policies AS p JOIN sys.security_predicates AS q ON q.object_id = p.object_id WHERE q.target_object_id = @id;

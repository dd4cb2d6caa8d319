-- https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-sql-expression-dependencies-transact-sql
WITH named AS (SELECT c.object_id, c.column_id, c.[name] FROM sys.columns AS c JOIN OPENJSON(@columns) AS j ON j.[value] COLLATE DATABASE_DEFAULT = c.[name] COLLATE DATABASE_DEFAULT WHERE c.object_id = @id)
SELECT DISTINCT CONCAT(N'index ', i.[name], N' on ', n.[name]) AS what FROM named AS n JOIN sys.index_columns AS x ON x.object_id = n.object_id AND x.column_id = n.column_id JOIN sys.indexes AS i ON i.object_id = x.object_id AND i.index_id = x.index_id
 WHERE i.is_primary_key = 0
UNION SELECT CONCAT(N'default ', d.[name], N' of ', n.[name]) FROM named AS n JOIN sys.default_constraints AS d ON d.parent_object_id = n.object_id AND d.parent_column_id = n.column_id
UNION SELECT CONCAT(N'object ', OBJECT_SCHEMA_NAME(d.referencing_id), N'.', OBJECT_NAME(d.referencing_id), N', which is bound to ', n.[name]) FROM named AS n JOIN sys.sql_expression_dependencies AS d ON d.referenced_id = n.object_id AND d.referenced_minor_id = n.column_id WHERE d.is_schema_bound_reference = 1;

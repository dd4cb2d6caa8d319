-- https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-columns-transact-sql
SELECT OBJECT_ID(@name, N'U') AS id, (SELECT c.column_id AS id, c.[name] AS [name], y.[name] AS [type], c.max_length AS bytes, c.[precision] AS [precision], c.scale AS scale, c.collation_name AS [collation],
        c.is_nullable AS nullable, c.is_identity AS [identity], c.is_computed AS computed, c.generated_always_type AS generated, c.default_object_id AS default_id
   FROM sys.columns AS c JOIN sys.types AS y ON y.user_type_id = c.system_type_id WHERE c.object_id = OBJECT_ID(@name, N'U') ORDER BY c.column_id FOR JSON PATH) AS columns;

-- https://learn.microsoft.com/sql/relational-databases/system-tables/cdc-captured-columns-transact-sql
SELECT c.object_id AS object, c.column_name AS name FROM cdc.captured_columns AS c ORDER BY c.object_id, c.column_ordinal;

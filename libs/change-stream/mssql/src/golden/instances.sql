-- https://learn.microsoft.com/sql/relational-databases/system-tables/cdc-change-tables-transact-sql
SELECT OBJECT_SCHEMA_NAME(t.source_object_id) AS [schema], OBJECT_NAME(t.source_object_id) AS [table], t.capture_instance AS instance,
       t.object_id AS object, CONVERT(nvarchar(23), t.create_date, 126) AS created, t.start_lsn AS start,
       sys.fn_cdc_get_min_lsn(t.capture_instance) AS least, t.role_name AS role, t.has_drop_pending AS dropping
  FROM cdc.change_tables AS t;

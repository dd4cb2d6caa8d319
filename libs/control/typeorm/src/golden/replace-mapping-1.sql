SET NOCOUNT OFF; SET LOCK_TIMEOUT 30000;
SELECT mapping FROM [elstream].[pipeline_table] WHERE pipeline = @0 AND table_id = @1

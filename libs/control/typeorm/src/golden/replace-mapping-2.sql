SET NOCOUNT OFF; SET LOCK_TIMEOUT 30000;
SET NOCOUNT ON;
UPDATE [elstream].[pipeline_table] SET mapping = @3 WHERE pipeline = @0 AND table_id = @1 AND mapping = @2;
SELECT @@ROWCOUNT AS replaced;

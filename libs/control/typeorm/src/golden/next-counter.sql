-- https://learn.microsoft.com/en-us/sql/t-sql/queries/output-clause-transact-sql
SET NOCOUNT OFF; SET LOCK_TIMEOUT 30000;
DECLARE @OutputTable TABLE ([counter] bigint);

UPDATE [elstream].[pipeline] SET [counter] = [counter] + 1 OUTPUT INSERTED.[counter] INTO @OutputTable WHERE [name] = @0;

SELECT * FROM @OutputTable

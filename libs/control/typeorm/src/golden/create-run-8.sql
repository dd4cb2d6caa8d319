-- https://learn.microsoft.com/en-us/sql/t-sql/functions/openjson-transact-sql
INSERT INTO [elstream].[task] (id, run_id, pipeline, table_id, kind, epoch, ordinal, payload)
SELECT id, run_id, pipeline, table_id, kind, epoch, ordinal, payload
  FROM OPENJSON(@0) WITH (
    id uniqueidentifier '$.id', run_id uniqueidentifier '$.runId', pipeline nvarchar(100) '$.pipeline', table_id nvarchar(300) '$.tableId',
    kind nvarchar(64) '$.kind', epoch int '$.epoch', ordinal int '$.ordinal', payload nvarchar(max) '$.payload' AS JSON)

-- https://learn.microsoft.com/en-us/sql/t-sql/functions/openjson-transact-sql
SET NOCOUNT OFF; SET LOCK_TIMEOUT 30000;
SELECT LOWER(CONVERT(nvarchar(36), t.id)) AS id, LOWER(CONVERT(nvarchar(36), r.id)) AS runId, r.pipeline, k.kind
  FROM [elstream].[run] AS r
 CROSS JOIN (SELECT CONVERT(int, j.[key]) AS place, CONVERT(nvarchar(64), j.value) COLLATE Latin1_General_100_BIN2 AS kind FROM OPENJSON(@0) AS j) AS k
 CROSS APPLY (SELECT TOP (@1) p.id, p.ordinal FROM [elstream].[task] AS p WHERE p.run_id = r.id AND p.kind = k.kind AND p.state = N'pending' ORDER BY p.ordinal) AS t
 WHERE r.state = N'running'
 ORDER BY k.place, ROW_NUMBER() OVER (PARTITION BY r.id, k.kind ORDER BY t.ordinal), r.seq

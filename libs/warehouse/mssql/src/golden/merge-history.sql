SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT 10000; SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @lock int = 0, @lane int = 0, @resource nvarchar(255);
DECLARE @added int = 0;
BEGIN TRANSACTION;
IF @lock >= 0 EXEC @lock = sp_getapplock @Resource = N'elstream:8d9001d32c6a703d95921a77115050f3', @LockMode = N'Shared', @LockOwner = N'Transaction', @LockTimeout = 10000;
SET @lane = 0;
WHILE @lock >= 0 AND @lane < 16
BEGIN
  SET @resource = CONCAT(N'elstream:c8082f3db458b9a4a9fd31a7d1c24ad6:', @lane);
  IF @lock >= 0 EXEC @lock = sp_getapplock @Resource = @resource, @LockMode = N'Shared', @LockOwner = N'Transaction', @LockTimeout = 10000;
  SET @lane = @lane + 1;
END;
IF @lock < 0
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'locked-out' AS outcome, @lock AS code;
  RETURN;
END;
EXEC @lock = sp_getapplock @Resource = N'elstream:history:elstream_change_c8082f3db458b9a4', @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = 10000;
IF @lock < 0
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'locked-out' AS outcome, @lock AS code;
  RETURN;
END;
IF ISNULL((SELECT CONVERT(varchar(64), HASHBYTES('SHA2_256', p.mapping), 2) FROM elstream.pipeline_table AS p WHERE p.pipeline = @pipeline AND p.table_id = @table), '') <> ISNULL(@mapping_hash, N'')
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'outdated' AS outcome;
  RETURN;
END;
IF EXISTS (SELECT 1 FROM elstream.table_state AS s WHERE s.pipeline = @pipeline AND s.table_id = @table AND EXISTS (SELECT 1 FROM OPENJSON(CASE WHEN s.stale LIKE N'columns were added at the source: %' THEN SUBSTRING(s.stale, 35, DATALENGTH(s.stale)) ELSE N'[]' END) AS a WHERE a.[value] COLLATE Latin1_General_100_BIN2 NOT IN (SELECT c.[value] COLLATE Latin1_General_100_BIN2 FROM OPENJSON(@columns) AS c)))
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'outdated' AS outcome;
  RETURN;
END;
DELETE h FROM [o'dbo].[order]]lines_archive] AS h JOIN #versions AS s ON h.[region] = s.c0 AND DATALENGTH(h.[region]) = DATALENGTH(s.c0) AND h.[id] = s.c1 AND (h.[valid_from] = s.c7 OR (h.[valid_from] IS NULL AND s.c7 IS NULL)) AND (h.[valid_to] = s.c8 OR (h.[valid_to] IS NULL AND s.c8 IS NULL)) WHERE h.__elstream_approximate = 1;
WITH staged AS (SELECT s.ord, CONVERT(binary(32), HASHBYTES('SHA2_256', CONCAT(CONVERT(nvarchar(max), N''), CASE WHEN s.c0 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), s.c0) COLLATE Latin1_General_100_BIN2), N':', CONVERT(nvarchar(max), s.c0) COLLATE Latin1_General_100_BIN2) END, CASE WHEN s.c1 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), s.c1)), N':', CONVERT(nvarchar(max), s.c1)) END, CASE WHEN s.c2 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), s.c2)), N':', CONVERT(nvarchar(max), s.c2)) END, CASE WHEN s.c3 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(binary(8), CONVERT(float(53), s.c3)), 2)), N':', CONVERT(nvarchar(max), CONVERT(binary(8), CONVERT(float(53), s.c3)), 2)) END, CASE WHEN s.c4 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(varbinary(max), s.c4), 2)), N':', CONVERT(nvarchar(max), CONVERT(varbinary(max), s.c4), 2)) END, CASE WHEN s.c5 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(nvarchar(40), s.c5, 121))), N':', CONVERT(nvarchar(max), CONVERT(nvarchar(40), s.c5, 121))) END, CASE WHEN s.c6 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), s.c6) COLLATE Latin1_General_100_BIN2), N':', CONVERT(nvarchar(max), s.c6) COLLATE Latin1_General_100_BIN2) END, CASE WHEN s.c7 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(nvarchar(40), s.c7, 121))), N':', CONVERT(nvarchar(max), CONVERT(nvarchar(40), s.c7, 121))) END, CASE WHEN s.c8 IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(nvarchar(40), s.c8, 121))), N':', CONVERT(nvarchar(max), CONVERT(nvarchar(40), s.c8, 121))) END))) AS digest FROM #versions AS s),
numbered AS (SELECT s.ord, s.digest, ROW_NUMBER() OVER (PARTITION BY s.digest ORDER BY s.ord) AS place FROM staged AS s),
stands AS (SELECT v.digest, COUNT_BIG(*) AS n FROM
  (SELECT CONVERT(binary(32), HASHBYTES('SHA2_256', CONCAT(CONVERT(nvarchar(max), N''), CASE WHEN h.[region] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), h.[region]) COLLATE Latin1_General_100_BIN2), N':', CONVERT(nvarchar(max), h.[region]) COLLATE Latin1_General_100_BIN2) END, CASE WHEN h.[id] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), h.[id])), N':', CONVERT(nvarchar(max), h.[id])) END, CASE WHEN h.[price] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), h.[price])), N':', CONVERT(nvarchar(max), h.[price])) END, CASE WHEN h.[ratio] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(binary(8), CONVERT(float(53), h.[ratio])), 2)), N':', CONVERT(nvarchar(max), CONVERT(binary(8), CONVERT(float(53), h.[ratio])), 2)) END, CASE WHEN h.[picture] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(varbinary(max), h.[picture]), 2)), N':', CONVERT(nvarchar(max), CONVERT(varbinary(max), h.[picture]), 2)) END, CASE WHEN h.[at] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(nvarchar(40), h.[at], 121))), N':', CONVERT(nvarchar(max), CONVERT(nvarchar(40), h.[at], 121))) END, CASE WHEN h.[note]]s] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), h.[note]]s]) COLLATE Latin1_General_100_BIN2), N':', CONVERT(nvarchar(max), h.[note]]s]) COLLATE Latin1_General_100_BIN2) END, CASE WHEN h.[valid_from] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(nvarchar(40), h.[valid_from], 121))), N':', CONVERT(nvarchar(max), CONVERT(nvarchar(40), h.[valid_from], 121))) END, CASE WHEN h.[valid_to] IS NULL THEN N'-' ELSE CONCAT(DATALENGTH(CONVERT(nvarchar(max), CONVERT(nvarchar(40), h.[valid_to], 121))), N':', CONVERT(nvarchar(max), CONVERT(nvarchar(40), h.[valid_to], 121))) END))) AS digest FROM (SELECT DISTINCT c0, c1 FROM #versions) AS k JOIN [o'dbo].[order]]lines_archive] AS h ON h.[region] = k.c0 AND DATALENGTH(h.[region]) = DATALENGTH(k.c0) AND h.[id] = k.c1) AS v GROUP BY v.digest)
INSERT INTO [o'dbo].[order]]lines_archive] ([region], [id], [price], [ratio], [picture], [at], [note]]s], [valid_from], [valid_to], [deleted])
SELECT s.c0, s.c1, s.c2, s.c3, s.c4, s.c5, s.c6, s.c7, s.c8, s.deleted FROM numbered AS n JOIN #versions AS s ON s.ord = n.ord LEFT JOIN stands AS h ON h.digest = n.digest WHERE n.place > ISNULL(h.n, 0);
SET @added = @@ROWCOUNT;
DELETE FROM elstream.history_due WHERE pipeline = @pipeline AND id IN (SELECT CONVERT(bigint, j.[value]) FROM OPENJSON(@settles) AS j);
COMMIT TRANSACTION;
SELECT N'merged' AS outcome, @added AS added;

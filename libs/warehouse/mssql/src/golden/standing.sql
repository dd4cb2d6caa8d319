SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT 10000; SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @lock int = 0, @lane int = 0, @resource nvarchar(255);
DECLARE @keys_rows TABLE (ord int NOT NULL PRIMARY KEY, k0 nvarchar(10) COLLATE Latin1_General_100_BIN2 NOT NULL, k1 bigint NOT NULL);
INSERT INTO @keys_rows (ord, k0, k1)
SELECT j.ord, j.k0, CONVERT(bigint, j.k1)
  FROM OPENJSON(@keys) WITH (ord int '$[0]', k0 nvarchar(max) '$[1]', k1 nvarchar(max) '$[2]') AS j;
DECLARE @epoch int, @phase nvarchar(64), @truncateEpoch int, @truncatePosition nvarchar(128);
DROP TABLE IF EXISTS #standing;
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
SELECT @epoch = s.epoch, @phase = s.phase, @truncateEpoch = s.truncate_epoch, @truncatePosition = s.truncate_position FROM elstream.table_state AS s WHERE s.pipeline = @pipeline AND s.table_id = @table;
IF @epoch IS NULL
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'not-prepared' AS outcome;
  RETURN;
END;
SELECT u.ord, t.__elstream_epoch AS row_epoch, t.__elstream_position AS row_position, m.__elstream_epoch AS marker_epoch, m.__elstream_position AS marker_position, t.[region] AS v0, t.[id] AS v1, CONVERT(varchar(41), t.[price]) AS v2, t.[ratio] AS v3, t.[picture] AS v4, CONVERT(varchar(27), CONVERT(datetime2(7), SWITCHOFFSET(t.[at], '+00:00')), 121) + RIGHT(CONVERT(varchar(34), t.[at], 121), 6) AS v5, t.[note]]s] AS v6
  INTO #standing FROM @keys_rows AS u LEFT JOIN [o'dbo].[order]]lines] AS t ON t.[region] = u.k0 AND DATALENGTH(t.[region]) = DATALENGTH(u.k0) AND t.[id] = u.k1 LEFT JOIN [elstream].[marker_c8082f3db458b9a4] AS m ON m.[region] = u.k0 AND DATALENGTH(m.[region]) = DATALENGTH(u.k0) AND m.[id] = u.k1
 WHERE t.__elstream_epoch IS NOT NULL OR m.__elstream_epoch IS NOT NULL;
COMMIT TRANSACTION;
SELECT N'read' AS outcome, @epoch AS epoch, @phase AS phase, @truncateEpoch AS truncate_epoch, @truncatePosition AS truncate_position;
SELECT s.* FROM #standing AS s;

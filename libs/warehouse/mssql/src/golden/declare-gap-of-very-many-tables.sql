SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT 10000; SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @lock int = 0;
DECLARE @move TABLE ([partition] nvarchar(262) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY, next_offset nvarchar(128) NOT NULL, generation int NULL, from_offset nvarchar(128) COLLATE Latin1_General_100_BIN2 NULL);
INSERT INTO @move ([partition], next_offset, generation, from_offset)
SELECT j.[partition], j.next_offset, j.generation, j.from_offset FROM OPENJSON(@moves) WITH ([partition] nvarchar(262) '$[0]', next_offset nvarchar(128) '$[1]', generation int '$[2]', from_offset nvarchar(128) '$[3]') AS j;
DECLARE @moved nvarchar(262);
BEGIN TRANSACTION;
IF @lock >= 0 EXEC @lock = sp_getapplock @Resource = N'elstream:8d9001d32c6a703d95921a77115050f3', @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = 10000;
IF @lock < 0
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'locked-out' AS outcome, @lock AS code;
  RETURN;
END;
DECLARE @now datetime2(6) = SYSUTCDATETIME();
SELECT TOP (1) @moved = v.[partition] FROM @move AS v
 WHERE v.generation IS NOT NULL AND NOT EXISTS (SELECT 1 FROM elstream.[checkpoint] AS c WITH (UPDLOCK, HOLDLOCK) WHERE c.pipeline = @pipeline AND c.[partition] = v.[partition] AND c.generation = v.generation AND c.next_offset = v.from_offset)
 ORDER BY v.[partition];
IF @moved IS NOT NULL
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'moved' AS outcome, @moved AS [partition];
  RETURN;
END;
UPDATE c SET generation = c.generation + 1, next_offset = v.next_offset, highest = NULL, counter = NULL, applied_at = @now
  FROM elstream.[checkpoint] AS c JOIN @move AS v ON v.[partition] = c.[partition] WHERE c.pipeline = @pipeline;
INSERT INTO elstream.[checkpoint] (pipeline, [partition], generation, next_offset)
SELECT @pipeline, v.[partition], 1, v.next_offset FROM @move AS v WHERE NOT EXISTS (SELECT 1 FROM elstream.[checkpoint] AS c WITH (UPDLOCK, HOLDLOCK) WHERE c.pipeline = @pipeline AND c.[partition] = v.[partition]);
UPDATE elstream.table_state SET epoch = epoch + 1, phase = N'new', run_id = NULL, live_at = NULL, reread_until = NULL, truncate_epoch = NULL, truncate_position = NULL,
       error = @reason, stale = CASE WHEN @marked = 1 THEN @reason ELSE stale END, updated_at = @now
 WHERE pipeline = @pipeline AND table_id IN (SELECT j.[value] COLLATE Latin1_General_100_BIN2 FROM OPENJSON(@tables) AS j);
COMMIT TRANSACTION;
SELECT N'declared' AS outcome;

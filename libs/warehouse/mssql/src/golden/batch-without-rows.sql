SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT 10000; SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @written bigint = 0, @deleted bigint = 0;
BEGIN TRANSACTION;
DECLARE @now datetime2(6) = SYSUTCDATETIME();
UPDATE elstream.[checkpoint] SET next_offset = @next, highest = @highest, events_applied = events_applied + @events, counter = COALESCE(@counter, counter),
       committed_at_us = CASE WHEN @committedAt IS NULL OR committed_at_us >= @committedAt THEN committed_at_us ELSE @committedAt END, applied_at = @now
 WHERE pipeline = @pipeline AND [partition] = @partition AND generation = @generation AND next_offset = @from AND (highest = @fromHighest OR (highest IS NULL AND @fromHighest IS NULL));
IF @@ROWCOUNT <> 1
BEGIN
  ROLLBACK TRANSACTION;
  SELECT N'lost' AS outcome;
  RETURN;
END;
COMMIT TRANSACTION;
SELECT N'applied' AS outcome, @written AS written, @deleted AS deleted;

SET NOCOUNT ON;
INSERT INTO elstream.[checkpoint] (pipeline, [partition], generation, next_offset)
SELECT @pipeline, @partition, 1, @next
 WHERE NOT EXISTS (SELECT 1 FROM elstream.[checkpoint] WITH (UPDLOCK, HOLDLOCK) WHERE pipeline = @pipeline AND [partition] = @partition);
SELECT [partition], generation, next_offset, highest, CONVERT(nvarchar(20), counter) AS counter, CONVERT(nvarchar(20), committed_at_us) AS committed_at_us FROM elstream.[checkpoint] WHERE pipeline = @pipeline AND [partition] = @partition;

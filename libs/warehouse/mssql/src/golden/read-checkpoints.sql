SELECT c.[partition], c.generation, c.next_offset, c.highest, CONVERT(nvarchar(20), c.counter) AS counter, CONVERT(nvarchar(20), c.committed_at_us) AS committed_at_us
  FROM elstream.[checkpoint] AS c WITH (HOLDLOCK) WHERE c.pipeline = @pipeline AND (@partition IS NULL OR c.[partition] = @partition) ORDER BY LEN(c.[partition]), c.[partition]

INSERT INTO #chunk (ord, line, c0, c1, c2, c3, c4, c5, c6)
SELECT r.ord, r.line, CONVERT(nvarchar(10), r.c0 COLLATE Latin1_General_100_BIN2), CONVERT(bigint, r.c1), CONVERT(decimal(19,4), r.c2), CONVERT(float, r.c3), CONVERT(varbinary(max), r.c4), SWITCHOFFSET(CONVERT(datetimeoffset(7), LEFT(r.c5, LEN(r.c5) - 10) + N' +00:00', 121), 60 * CONVERT(int, LEFT(RIGHT(r.c5, 6), 3)) + CONVERT(int, LEFT(RIGHT(r.c5, 6), 1) + RIGHT(RIGHT(r.c5, 6), 2))), CONVERT(nvarchar(max), r.c6) FROM #raw AS r;
TRUNCATE TABLE #raw;

import { GAPS, rewritten } from './tsql-gaps';
import { tsqlProblems } from './tsql-problems';

/** Statements of the shapes that we issue; each slip below is one small change of one of them. */
const RIGHT = {
  read: "SELECT TOP (5) t.[id], CONVERT(nvarchar(40), t.[at], 121) AS c1 FROM [dbo].[item] AS t WITH (UPDLOCK, HOLDLOCK) WHERE t.[id] > @low AND t.[name] = N'x' ORDER BY t.[id] OFFSET 5 ROWS FETCH NEXT 1 ROW ONLY",
  keys: "SELECT t.[id] FROM OPENJSON(@keys) WITH (k0 nvarchar(20) N'$[0]', ord int N'$[1]') AS k INNER JOIN [dbo].[item] AS t ON t.[id] = CONVERT(int, k.k0)",
  digest: "SELECT d.b, COUNT_BIG(*) AS n, SUM(CONVERT(decimal(38, 0), CONVERT(bigint, SUBSTRING(d.h, 1, 8)))) AS hi FROM (SELECT HASHBYTES('MD5', CONVERT(varchar(max), CONCAT(t.[a], NCHAR(31)) COLLATE Latin1_General_100_BIN2_UTF8)) AS h, t.[id] % 8 AS b FROM [dbo].[item] AS t) AS d GROUP BY d.b",
  write: `SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT 30000; DECLARE @result int; BEGIN TRANSACTION;
EXEC @result = sys.sp_getapplock @Resource = N'x', @LockMode = N'Shared', @LockOwner = N'Transaction';
IF @result < 0 BEGIN ROLLBACK TRANSACTION; SELECT N'busy' AS outcome; RETURN; END;
UPDATE t SET t.[a] = s.c0 FROM [dbo].[item] AS t INNER JOIN #stage AS s ON t.[id] = s.c1 AND DATALENGTH(t.[id]) = DATALENGTH(s.c1) WHERE s.op = 1;
DELETE t FROM [dbo].[item] AS t INNER JOIN #stage AS s ON s.c1 = t.[id] WHERE s.op = 0;
INSERT INTO [dbo].[item] ([id], [a]) SELECT s.c1, s.c0 FROM #stage AS s WHERE NOT EXISTS (SELECT 1 FROM [dbo].[item] AS t WHERE t.[id] = s.c1);
COMMIT TRANSACTION; SELECT N'applied' AS outcome;`,
  sweep: 'DECLARE @n int = 1; WHILE @n > 0 BEGIN DELETE TOP (4000) FROM [dbo].[item] WHERE [epoch] < @epoch; SET @n = @@ROWCOUNT; END;',
  create: 'CREATE TABLE [dbo].[item] ([id] nvarchar(450) COLLATE Latin1_General_100_BIN2 NOT NULL, [a] datetime2(7) NULL, [b] varbinary(max) NULL, CONSTRAINT [item_key] PRIMARY KEY NONCLUSTERED ([id]))',
  alter: 'ALTER TABLE [dbo].[item] SET (LOCK_ESCALATION = DISABLE); TRUNCATE TABLE [dbo].[item];',
} as const;

const SLIPS: readonly (readonly [what: string, statement: keyof typeof RIGHT, right: string, wrong: string])[] = [
  ['LIMIT', 'read', 'OFFSET 5 ROWS FETCH NEXT 1 ROW ONLY', 'LIMIT 1'],
  ['OFFSET without ROWS', 'read', 'OFFSET 5 ROWS FETCH NEXT 1 ROW ONLY', 'OFFSET 5'],
  ['a cast of PostgreSQL', 'read', 'CONVERT(nvarchar(40), t.[at], 121)', 't.[at]::nvarchar(40)'],
  ['a parameter of PostgreSQL', 'read', '@low', '$1'],
  ['a parameter of JDBC', 'read', '@low', '?'],
  ['FOR UPDATE', 'read', 'OFFSET 5 ROWS FETCH NEXT 1 ROW ONLY', 'FOR UPDATE'],
  ['ILIKE', 'read', "t.[name] = N'x'", "t.[name] ILIKE N'x'"],
  ['TRUE', 'read', "t.[name] = N'x'", 't.[flag] = TRUE'],
  ['IS DISTINCT FROM', 'read', "t.[name] = N'x'", "t.[name] IS DISTINCT FROM N'x'"],
  ['now()', 'read', "N'x'", 'now()'],
  ['an interval', 'read', "N'x'", "SYSUTCDATETIME() - INTERVAL '1' SECOND"],
  ['a bracket left open', 'read', 't.[id],', 't.[id,'],
  ['a literal left open', 'read', "N'x'", "N'x"],
  ['a literal of PostgreSQL', 'read', "N'x'", "E'x'"],
  ['a comma too much', 'read', 'AS c1 FROM', 'AS c1, FROM'],
  ['ORDER without BY', 'read', 'ORDER BY', 'ORDER'],
  ['a hint without WITH and its end', 'read', 'WITH (UPDLOCK, HOLDLOCK)', 'WITH (UPDLOCK, HOLDLOCK'],
  ['reading what is not committed', 'read', 'UPDLOCK, HOLDLOCK', 'NOLOCK'],
  ['ANY over a list', 'keys', 't.[id] = CONVERT(int, k.k0)', 't.[id] = ANY (@keys)'],
  ['CONVERT without its comma', 'keys', 'CONVERT(int, k.k0)', 'CONVERT(int k.k0)'],
  ['a type of PostgreSQL', 'keys', 'CONVERT(int, k.k0)', 'CAST(k.k0 AS int4)'],
  ['JOIN … USING', 'keys', 'ON t.[id] = CONVERT(int, k.k0)', 'USING (id)'],
  ['an alias that is not there', 'keys', 'CONVERT(int, k.k0)', 'CONVERT(int, j.k0)'],
  ['||', 'digest', 'CONCAT(t.[a], NCHAR(31))', 't.[a] || NCHAR(31)'],
  ['a function of PostgreSQL', 'digest', "HASHBYTES('MD5', ", 'md5('],
  ['a function misspelt', 'digest', 'SUBSTRING(d.h, 1, 8)', 'SUBSTR(d.h, 1, 8)'],
  ['SUBSTRING with FROM', 'digest', 'SUBSTRING(d.h, 1, 8)', 'SUBSTRING(d.h FROM 1 FOR 8)'],
  ['FILTER', 'digest', 'COUNT_BIG(*)', 'COUNT_BIG(*) FILTER (WHERE d.b = 1)'],
  ['a parenthesis left open', 'digest', '))) AS h', ') AS h'],
  ['a function of SQL Server 2022', 'digest', 't.[id] % 8', 'GREATEST(t.[id], 8)'],
  ['no COMMIT', 'write', 'COMMIT TRANSACTION; ', ''],
  ['no XACT_ABORT', 'write', 'SET XACT_ABORT ON; ', ''],
  ['UPDATE with an alias of its own', 'write', 'UPDATE t SET t.[a] = s.c0 FROM [dbo].[item] AS t INNER JOIN #stage AS s ON t.[id] = s.c1 AND DATALENGTH(t.[id]) = DATALENGTH(s.c1) WHERE s.op = 1', 'UPDATE [dbo].[item] AS t SET [a] = 1'],
  ['DELETE … USING', 'write', 'DELETE t FROM [dbo].[item] AS t INNER JOIN #stage AS s ON', 'DELETE FROM [dbo].[item] AS t USING #stage AS s WHERE'],
  ['RETURNING', 'write', 'WHERE s.op = 0;', 'WHERE s.op = 0 RETURNING t.[id];'],
  ['ON CONFLICT', 'write', 'WHERE NOT EXISTS (SELECT 1 FROM [dbo].[item] AS t WHERE t.[id] = s.c1)', 'ON CONFLICT ([id]) DO NOTHING'],
  ['THEN', 'write', 'IF @result < 0 BEGIN', 'IF @result < 0 THEN BEGIN'],
  ['no value for SET', 'write', 'SET t.[a] = s.c0', 'SET t.[a] ='],
  ['another variable than the declared', 'sweep', 'DECLARE @n int', 'DECLARE @m int'],
  ['no END', 'sweep', 'END;', ''],
  ['IF NOT EXISTS', 'create', 'CREATE TABLE [dbo]', 'CREATE TABLE IF NOT EXISTS [dbo]'],
  ['bytea', 'create', 'varbinary(max)', 'bytea'],
  ['timestamptz', 'create', 'datetime2(7)', 'timestamptz'],
  ['boolean', 'create', 'varbinary(max)', 'boolean'],
  ['jsonb', 'create', 'varbinary(max)', 'jsonb'],
  ['TRUNCATE without TABLE', 'alter', 'TRUNCATE TABLE', 'TRUNCATE'],
  ['MERGE', 'alter', 'TRUNCATE TABLE [dbo].[item];', 'MERGE INTO [dbo].[item] AS t USING #stage AS s ON t.[id] = s.c1 WHEN MATCHED THEN DELETE;'],
];

const right = Object.entries(RIGHT);
const slips = SLIPS.map(([, statement, from, to]) => RIGHT[statement].replace(from, to));
const found = tsqlProblems([...right.map(([, sql]) => sql), ...slips]);
const [accepted, refused] = [found.slice(0, right.length), found.slice(right.length)];

it.each(right.map(([name], i) => [name, accepted[i]] as const))('nothing is said against a right statement (%s)', (_name, problems) => {
  expect(problems).toEqual([]);
});

it('holds at least thirty slips, each a change of what is right', () => {
  expect(SLIPS.length).toBeGreaterThanOrEqual(30);
  for (const [what, statement, from] of SLIPS) expect([what, RIGHT[statement].includes(from)]).toEqual([what, true]);
});

it.each(SLIPS.map(([what], i) => [what, refused[i]] as const))('a slip is seen: %s', (_what, problems) => {
  expect(problems?.length).toBeGreaterThan(0);
});

it.each(GAPS.map(({ what, docs }) => [what, docs] as const))('what the parser does not know is documented: %s', (_what, docs) => {
  expect(docs).toMatch(/^https:\/\/learn\.microsoft\.com\/sql\//);
});

it('leaves a statement without such a form as it is', () => {
  expect(rewritten(RIGHT.read)).toBe(RIGHT.read);
});

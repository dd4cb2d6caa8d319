import { bracket, bracketTable, CONTROL_SCHEMA } from '@elstream/database';
import { createTestMssql, type TestMssql } from '@elstream/testing';

/** Everything that can be made in a database and that tests here make; one line for each column, as it was declared. */
const MADE = `
SELECT N'schema' AS [kind], NULL AS [schema], s.[name] AS [name], N'' AS [more], NULL AS [on]
  FROM sys.schemas AS s WHERE s.[name] NOT IN (N'dbo', N'guest', N'sys', N'INFORMATION_SCHEMA') AND s.[name] NOT LIKE N'db[_]%'
UNION ALL
SELECT CONVERT(nvarchar(60), RTRIM(o.[type])), SCHEMA_NAME(o.schema_id), o.[name], N'', CASE WHEN o.parent_object_id = 0 THEN NULL ELSE OBJECT_NAME(o.parent_object_id) END
  FROM sys.objects AS o WHERE o.is_ms_shipped = 0 AND o.[type] IN (N'U', N'V', N'IF', N'TF', N'FN', N'P', N'F', N'C', N'TR')
UNION ALL
SELECT N'column', SCHEMA_NAME(t.schema_id), t.[name], CONCAT(c.[name], N' ', c.user_type_id, N'(', c.max_length, N',', c.[precision], N',', c.scale, N') ', c.is_nullable), NULL
  FROM sys.tables AS t JOIN sys.columns AS c ON c.object_id = t.object_id WHERE t.is_ms_shipped = 0 AND SCHEMA_NAME(t.schema_id) = N'${CONTROL_SCHEMA}'`;

interface Made {
  readonly kind: string;
  readonly schema: string | null;
  readonly name: string;
  readonly more: string;
  readonly on: string | null;
}

const line = (m: Made): string => [m.kind, m.schema, m.name, m.more].join('\0');

interface Standing {
  readonly db: TestMssql;
  /** What was in it before the first test. */
  readonly made: ReadonlySet<string>;
}

let standing: Standing | undefined;
const known = new WeakMap<TestMssql, Standing>();

/**
 * A database for one test: a new one, which `prepare` fills, or the one that the last test of this file gave back, with everything taken
 * out of it that `prepare` had not put there. To make and to drop one takes a server longer than most tests.
 */
export async function takeDatabase(prepare: (db: TestMssql) => Promise<void>): Promise<TestMssql> {
  const found = standing;
  standing = undefined;
  if (found !== undefined) {
    if (await emptied(found)) return found.db;
    await found.db.drop();
  }
  const db = await createTestMssql('wh');
  await prepare(db);
  known.set(db, { db, made: new Set((await db.query<Made>(MADE)).map(line)) });
  return db;
}

/** Nothing may be connected to it by then but its own connection. */
export async function giveBack(db: TestMssql): Promise<void> {
  if (standing !== undefined) await db.drop();
  else standing = known.get(db);
}

afterAll(async () => {
  await standing?.db.drop();
  standing = undefined;
});

/** false where what was there before the first test is not as it was. */
async function emptied({ db, made }: Standing): Promise<boolean> {
  const now = await db.query<Made>(MADE);
  const foreign = now.filter((m) => !made.has(line(m)));
  const dropped = (of: readonly string[], drop: (m: Made) => string): string[] => foreign.filter((m) => of.includes(m.kind)).map(drop);
  const name = (m: Made): string => bracketTable({ schema: m.schema ?? 'dbo', name: m.name });
  const kept = now.filter((m) => m.kind === 'U' && m.schema === CONTROL_SCHEMA && m.name !== 'migration' && made.has(line(m)));
  const statements = [
    ...dropped(['V'], (m) => `DROP VIEW ${name(m)}`),
    ...dropped(['IF', 'TF', 'FN'], (m) => `DROP FUNCTION ${name(m)}`),
    ...dropped(['P'], (m) => `DROP PROCEDURE ${name(m)}`),
    ...dropped(['F'], (m) => `ALTER TABLE ${bracketTable({ schema: m.schema ?? 'dbo', name: m.on ?? '' })} DROP CONSTRAINT ${bracket(m.name)}`),
    ...dropped(['U'], (m) => `DROP TABLE ${name(m)}`),
    ...dropped(['schema'], (m) => `DROP SCHEMA ${bracket(m.name)}`),
    // with its identity, which DELETE would leave where it stands
    ...kept.map((m) => `TRUNCATE TABLE ${name(m)}`),
  ];
  for (const statement of statements) await db.query(statement);
  const left = (await db.query<Made>(MADE)).map(line);
  return left.length === made.size && left.every((m) => made.has(m));
}

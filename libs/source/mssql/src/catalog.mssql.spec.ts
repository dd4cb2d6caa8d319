import { describeOne, itWith, mappingOf, selection } from '@elstream/testing';
import { createMssqlSource } from './mssql-source';
import { numbers, openSource } from './source-fixture.fixture';

describe('describing the tables of a SQL Server source', () => {
  itWith('quotes-in-names', 'keeps names of any letters and 200 columns in order', async () => {
    const names = Array.from({ length: 200 }, (_, i) => `Column "${String(i)}" ünï.码`);
    const quoted = names.map((n) => `[${n}]`);
    await using context = await openSource(`CREATE TABLE [a.b "c"] (${quoted.map((n) => `${n} int NOT NULL`).join(', ')}, PRIMARY KEY (${quoted[3] ?? ''}, ${quoted[1] ?? ''}))`);
    const table = await describeOne(context.source, `dbo.${JSON.stringify('a.b "c"')}`);
    expect(table.problems).toEqual([]);
    expect(table.schema.columns.map((c) => c.name)).toEqual(names);
    expect(table.schema.key).toEqual([names[3], names[1]]);
  });

  itWith('bracket-escapes', 'reads names with closing brackets', async () => {
    await using context = await openSource('CREATE TABLE [a ]] b] ([c]]d] int PRIMARY KEY, [e [f]]] int); INSERT INTO [a ]] b] VALUES (1, 2)');
    const mapping = mappingOf(await describeOne(context.source, `dbo.${JSON.stringify('a ] b')}`));
    expect(mapping.columns.map((c) => c.source)).toEqual(['c]d', 'e [f]']);
    expect(await context.source.readByKeys(mapping, [['1']])).toEqual([['1', '2']]);
  });

  it('picks the primary key, else a unique index that is never NULL, else none', async () => {
    await using context = await openSource(`
      CREATE TABLE p (a int NOT NULL, b int NOT NULL, CONSTRAINT pk PRIMARY KEY (b, a)); CREATE UNIQUE INDEX u1 ON p (a);
      CREATE TABLE u (a int, b int NOT NULL, c int NOT NULL); CREATE UNIQUE INDEX u2 ON u (a); CREATE UNIQUE INDEX u3 ON u (b, c); CREATE UNIQUE INDEX u4 ON u (c) INCLUDE (a);
      CREATE TABLE n (a int, b int NOT NULL); CREATE UNIQUE INDEX u5 ON n (a);
      INSERT INTO p SELECT i, i FROM ${numbers(42)}`);
    const tables = await context.source.describe(selection(['dbo.*']));
    expect(tables.map((t) => [t.schema.name, t.schema.key])).toEqual([['n', []], ['p', ['b', 'a']], ['u', ['c']]]);
    expect(tables.map((t) => t.problems.length)).toEqual([1, 0, 0]);
    // statistics: a server may have none yet
    expect([null, 0, 42]).toContain(tables[1]?.estimatedRows ?? null);
    expect((await describeOne(context.source, 'dbo.u', { keys: new Map([['dbo.u', ['c', 'b']]]) })).schema.key).toEqual(['b', 'c']);
  });

  it('refuses a table that is not there, and a view', async () => {
    await using context = await openSource('CREATE TABLE t (id int PRIMARY KEY)');
    await context.db.query('CREATE VIEW v AS SELECT id FROM dbo.t');
    expect((await describeOne(context.source, 'dbo.v')).problems).toEqual([expect.stringContaining('it is a view')]);
    expect((await context.source.describe(selection(['*']))).map((t) => t.schema.name)).toEqual(['t']);
    await expect(context.source.describe(selection(['dbo.none']))).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND', message: expect.stringContaining('GRANT SELECT') as string });
  });

  itWith('alias-types', 'resolves alias types to what they stand for', async () => {
    await using context = await openSource('CREATE TYPE dbo.amount FROM decimal(12,3) NOT NULL');
    await context.db.query('CREATE TABLE t (id sysname PRIMARY KEY, v dbo.amount)');
    const { columns } = (await describeOne(context.source, 'dbo.t')).schema;
    expect(columns.map((c) => c.native)).toEqual(['nvarchar(128)', 'decimal(12,3)']);
  });

  itWith('computed-columns', 'leaves computed columns out', async () => {
    await using context = await openSource('CREATE TABLE t (id int PRIMARY KEY, c AS id + 1)');
    expect((await describeOne(context.source, 'dbo.t')).schema.columns.map((c) => c.name)).toEqual(['id']);
  });

  itWith('sql-variant', 'refuses columns that cannot be carried, unless they are excluded', async () => {
    await using context = await openSource('CREATE TABLE t (id int PRIMARY KEY, v sql_variant)');
    expect((await describeOne(context.source, 'dbo.t')).problems).toEqual([expect.stringContaining('column v of type sql_variant cannot be carried')]);
    expect((await describeOne(context.source, 'dbo.t', { excludedColumns: new Map([['dbo.t', ['v']]]) })).problems).toEqual([]);
  });
});

describe('the rights of a login', () => {
  itWith('cdc', 'that is no owner are told with the statements that give them', async () => {
    await using context = await openSource('CREATE TABLE t (id int PRIMARY KEY, secret int)');
    const { db } = context;
    const login = `l_${db.name}`;
    await db.query(`CREATE LOGIN [${login}] WITH PASSWORD = 'Pa55-${db.name}', CHECK_POLICY = OFF`);
    await db.query(`CREATE USER [${login}] FOR LOGIN [${login}]; GRANT SELECT ON dbo.t (id) TO [${login}]`);
    const url = new URL(db.url);
    url.username = login;
    url.password = `Pa55-${db.name}`;
    const source = await createMssqlSource({ url: url.toString() });
    try {
      const containing = (...parts: string[]): unknown[] => parts.map((part) => expect.stringContaining(part) as unknown);
      expect((await describeOne(source, 'dbo.t')).problems).toEqual(containing('may not read column secret; run GRANT SELECT', 'run EXEC sys.sp_cdc_enable_table'));
      expect(await source.check()).toEqual(containing('GRANT VIEW SERVER STATE', 'GRANT VIEW DATABASE STATE', 'EXEC sys.sp_cdc_enable_db'));
    } finally {
      await source.close();
      await db.query(`DROP USER [${login}]`);
      await db.query(`DROP LOGIN [${login}]`);
    }
  });
});

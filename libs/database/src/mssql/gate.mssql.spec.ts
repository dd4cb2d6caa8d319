import { Int, MAX, NVarChar } from 'mssql';
import { silentLogger } from '@elstream/core';
import { createTestMssql, type TestMssql } from '@elstream/testing';
import type { EntityDataSource } from '../entity-data-source';
import { connectMssql, mssqlOf } from './data-source';
import { t } from './parameters';

jest.setTimeout(120_000);

let database: TestMssql;
let dataSource: EntityDataSource;
beforeAll(async () => {
  database = await createTestMssql('gate');
  dataSource = await connectMssql({ url: database.url, applicationName: 'elstream tests', maxConnections: 4, timeouts: { statementMs: 60_000, lockMs: 5_000, idleMs: 5_000 }, connectTimeoutMs: 30_000, logger: silentLogger });
});
afterAll(async () => {
  await dataSource?.destroy();
  await database?.drop();
});

describe('the gate to SQL Server', () => {
  it('binds values exactly: 64 bits, blanks at the end, bytes, NULL', async () => {
    const params = { big: t.bigint('9223372036854775807'), text: t.nvarchar('é x '), bytes: t.varbinary(Buffer.from([0, 255])), none: t.int(null), flag: t.bit(true) };
    expect(await mssqlOf(dataSource).rows('SELECT CONVERT(varchar(20), @big) AS big, @text AS text, @bytes AS bytes, @none AS none, @flag AS flag', params)).toEqual([
      { big: '9223372036854775807', text: 'é x ', bytes: Buffer.from([0, 255]), none: null, flag: true },
    ]);
  });

  it('gives result sets in order, and counts what statements affect', async () => {
    const sql = mssqlOf(dataSource);
    expect(await sql.sets('SELECT 1 AS a; SELECT 2 AS b WHERE 1 = 0; SELECT 3 AS c', {}, { timeoutMs: 0 })).toEqual([[{ a: 1 }], [], [{ c: 3 }]]);
    await sql.execute('CREATE TABLE dbo.counted (id int NOT NULL)');
    expect(await sql.execute('INSERT INTO dbo.counted (id) VALUES (1), (2); DELETE FROM dbo.counted WHERE id = 2')).toBe(3);
  });

  it('streams rows as arrays, and can be left in the middle', async () => {
    const sql = mssqlOf(dataSource);
    await sql.execute('CREATE TABLE dbo.many (id int NOT NULL); INSERT INTO dbo.many (id) SELECT value FROM OPENJSON(@ids) WITH (value int \'$\')', { ids: t.json(Array.from({ length: 3_000 }, (_, i) => i)) });
    const first: unknown[][] = [];
    for await (const row of sql.cells('SELECT id, CONVERT(varchar(10), id) FROM dbo.many ORDER BY id')) if (first.push(row) === 10) break;
    expect(first).toEqual(Array.from({ length: 10 }, (_, i) => [i, String(i)]));
    let count = 0;
    for await (const _row of sql.cells('SELECT id FROM dbo.many')) count += 1;
    expect(count).toBe(3_000);
  });

  it('keeps a session’s temporary table from batch to bulk load to statement, and classifies what fails', async () => {
    const rows = await mssqlOf(dataSource).session(async (session) => {
      await session.batch('CREATE TABLE #stage (ord int NOT NULL, c0 nvarchar(max) NULL)');
      const columns = [{ name: 'ord', type: Int(), nullable: false }, { name: 'c0', type: NVarChar(MAX), nullable: true }];
      expect(await session.bulk({ name: '#stage', columns }, [[1, 'one'], [2, null], [3, 'x'.repeat(9_000)]])).toBe(3);
      return session.rows('SELECT ord, c0, LEN(c0) AS n FROM #stage WHERE ord < @below ORDER BY ord', { below: t.int(3) });
    });
    expect(rows).toEqual([{ ord: 1, c0: 'one', n: 3 }, { ord: 2, c0: null, n: null }]);
    await expect(mssqlOf(dataSource).session((session) => session.rows('SELECT CONVERT(int, @text) AS n', { text: t.nvarchar('no number') }))).rejects.toMatchObject({ name: 'ElstreamError' });
  });
});

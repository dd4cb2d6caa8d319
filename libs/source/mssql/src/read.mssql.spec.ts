import { type Cell } from '@elstream/core';
import { nString } from '@elstream/database';
import { describeOne, describeWith, EVERYTHING, eventually, itWith, mappingOf, MSSQL_TYPES, readCells, readsContract, running, type MssqlTypeRow } from '@elstream/testing';
import { HARNESS, openSource } from './source-fixture.fixture';

readsContract(HARNESS);

async function readsEvery(type: MssqlTypeRow): Promise<void> {
  const values = type.values.filter((value) => value.sql !== null);
  await using context = await openSource(`CREATE TABLE t (id int PRIMARY KEY, v ${type.native}); ${values.map(({ sql }, i) => `INSERT INTO t VALUES (${String(i)}, ${sql ?? ''});`).join(' ')}`);
  const table = await describeOne(context.source, 'dbo.t');
  expect(table.problems).toEqual([]);
  expect(table.schema.columns[1]?.type).toEqual(type.type);
  const mapping = mappingOf(table);
  const expected = values.map(({ cell }, i): Cell[] => [String(i), cell]);
  const sorted = (rows: readonly Cell[][]): Cell[][] => [...rows].sort((a, b) => Number(a[0]) - Number(b[0]));
  expect(sorted(await readCells(context.source, mapping))).toEqual(expected);
  expect(sorted([...(await context.source.readByKeys(mapping, expected.map(([id]) => [id ?? ''])))])).toEqual(expected);
}

describe('reading values of a SQL Server source', () => {
  for (const type of MSSQL_TYPES) {
    const name = `gives every ${type.native} as the change stream does, in chunks and by key`;
    // of these the least digit is a tenth of a microsecond
    if (type.native.endsWith('(7)')) itWith('hundred-nanoseconds', name, () => readsEvery(type));
    else it(name, () => readsEvery(type));
  }

  itWith('rowversion', 'gives a rowversion as its eight bytes', async () => {
    await using context = await openSource('CREATE TABLE t (id int PRIMARY KEY, v rowversion); INSERT INTO t (id) VALUES (1)');
    const table = await describeOne(context.source, 'dbo.t');
    expect(table.schema.columns[1]).toMatchObject({ native: 'rowversion', portable: 'binary(8)', type: { kind: 'binary' } });
    expect((await readCells(context.source, mappingOf(table)))[0]?.[1]).toMatch(/^\\x[0-9a-f]{16}$/);
  });

  itWith('openjson-escapes', 'finds keys of all that JSON escapes', async () => {
    const texts = ["q'\\", '"', 'tab\tnl\ncr\r', '\u0001\u001f', '😀', '/', ''];
    await using context = await openSource(`CREATE TABLE t (k nvarchar(20) COLLATE Latin1_General_100_BIN2 PRIMARY KEY); ${texts.map((text) => `INSERT INTO t VALUES (${nString(text)});`).join(' ')}`);
    const mapping = mappingOf(await describeOne(context.source, 'dbo.t'));
    const found = await context.source.readByKeys(mapping, texts.map((text) => [text]));
    expect(found.map(([text]) => text).sort()).toEqual([...texts].sort());
  });

  it('finds keys by the equality of their own collation, and gives them as the row has them', async () => {
    await using context = await openSource(`CREATE TABLE t (k varchar(9) COLLATE SQL_Latin1_General_CP1_CI_AS PRIMARY KEY, v int); INSERT INTO t VALUES ('Ab', 1), ('c', 2)`);
    const mapping = mappingOf(await describeOne(context.source, 'dbo.t'));
    expect(await context.source.readByKeys(mapping, [['aB'], ['d']])).toEqual([['Ab', '1']]);
  });
});

describeWith('snapshot-isolation', 'reading while others write', () => {
  it('sees what is committed, and waits for nobody', async () => {
    await using context = await openSource('CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1), (2, 2)');
    const { db, source } = context;
    const mapping = mappingOf(await describeOne(source, 'dbo.t'));
    const writer = await db.client();
    await writer.query('BEGIN TRANSACTION; UPDATE t SET v = 9; DELETE FROM t WHERE id = 2');
    const sorted = async (): Promise<unknown> => (await readCells(source, mapping, EVERYTHING)).sort();
    expect(await sorted()).toEqual([['1', '1'], ['2', '2']]);
    await writer.query('COMMIT');
    expect(await sorted()).toEqual([['1', '9']]);
  });
});

describe('an abort of a read of a SQL Server source', () => {
  it('ends the statement at the server', async () => {
    await using context = await openSource('CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)');
    const { db, source } = context;
    const mapping = mappingOf(await describeOne(source, 'dbo.t'));
    const abort = new AbortController();
    const read = (await source.readChunk(mapping, EVERYTHING, abort.signal)).rows;
    abort.abort(new Error('told to stop'));
    await expect(
      (async () => {
        for await (const _ of read) throw new Error('a row came');
      })(),
    ).rejects.toThrow('told to stop');
    await eventually(async () => (await db.query(`SELECT 1 AS one FROM sys.dm_exec_sessions WHERE program_name = N'elstream source' AND status = N'running' AND database_id = DB_ID()`)).length === 0);
    await expect(source.checksums(mapping, EVERYTHING, 1, abort.signal)).rejects.toThrow('told to stop');
    expect((await source.readByKeys(mapping, [['1']])).length).toBe(1);
    expect(running().aborted).toBe(false);
  });
});

import { silentLogger, type Cell, type MappedColumn, type TableMapping } from '@elstream/core';
import { createTestMssql, itWith, MSSQL_TYPES, serverFeatures, type MssqlTypeRow, type TestMssql } from '@elstream/testing';
import { DEFAULT_TIMEOUTS } from '../postgres/data-source';
import { checksumsOf, digestOf } from './canonical-text.fixture';
import { connectMssql, mssqlOf, type Mssql } from './data-source';
import { readMssqlChecksums, readMssqlDigests, type MssqlDigestRows } from './digest';
import { selectCell } from './select-cell';
import { cellValue, keyValue, stagedColumn } from './stage-cell';
import { t } from './parameters';

const NEEDS: Readonly<Record<string, 'xml' | 'datetimeoffset' | 'hundred-nanoseconds'>> = { xml: 'xml', 'datetimeoffset(7)': 'datetimeoffset', 'time(7)': 'hundred-nanoseconds', 'datetime2(7)': 'hundred-nanoseconds' };
const served = (): readonly MssqlTypeRow[] => MSSQL_TYPES.filter(({ native }) => NEEDS[native] === undefined || serverFeatures().has(NEEDS[native]));
const BUCKETS = 4;
const running = (): AbortSignal => new AbortController().signal;

function mappingOf({ native, type }: Pick<MssqlTypeRow, 'native' | 'type'>): TableMapping {
  const column = (name: string, of: Pick<MssqlTypeRow, 'native' | 'type'>): MappedColumn => ({ source: name, target: name, type: of.type, native: of.native, targetType: of.native, nullable: true, mask: null });
  const columns = [column('id', { native: 'int', type: { kind: 'integer', bits: 32 } }), column('v', { native, type })];
  return { id: 'dbo.item', source: { schema: 'dbo', name: 'item' }, target: { schema: 'dbo', name: 'item' }, columns, key: [0], chunkRows: 1000 };
}

describe('values on a SQL Server', () => {
  let database: TestMssql;
  let mssql: Mssql;
  let close: () => Promise<void>;
  beforeAll(async () => {
    database = await createTestMssql('cells');
    const dataSource = await connectMssql({ url: database.url, applicationName: 'test', maxConnections: 3, timeouts: DEFAULT_TIMEOUTS, connectTimeoutMs: 15_000, logger: silentLogger });
    mssql = mssqlOf(dataSource);
    close = () => dataSource.destroy();
  });
  afterAll(async () => {
    await close();
    await database.drop();
  });

  async function cellsOf(table: string, { native, type }: MssqlTypeRow): Promise<Cell[]> {
    const { sql, cell } = selectCell({ type, native }, 't.v');
    const found: Cell[] = [];
    for await (const [value] of mssql.cells(`SELECT ${sql} AS v FROM dbo.${table} AS t ORDER BY t.id`)) found.push(cell(value));
    return found;
  }

  /** A table of the values that T-SQL can write, made anew. */
  async function written(row: MssqlTypeRow): Promise<Cell[]> {
    const values = row.values.filter(({ sql }) => sql !== null);
    await database.query(`DROP TABLE IF EXISTS dbo.item; CREATE TABLE dbo.item (id int NOT NULL PRIMARY KEY, v ${row.native} NULL)`);
    for (const [i, { sql }] of values.entries()) await database.query(`INSERT INTO dbo.item VALUES (${String(i)}, ${sql ?? ''})`);
    return values.map(({ cell }) => cell);
  }

  let stages = 0;
  /** The same by way of staging, as a warehouse is written. */
  async function staged(row: MssqlTypeRow, cells: readonly Cell[]): Promise<void> {
    const { sqlType, bulkType, encode, misfit } = stagedColumn(row.native);
    // connections are used again, with the temporary tables they have
    const stage = `#stage${String((stages += 1))}`;
    await mssql.session(async (session) => {
      await session.batch(`DROP TABLE IF EXISTS dbo.copy; CREATE TABLE dbo.copy (id int NOT NULL PRIMARY KEY, v ${row.native} NULL); CREATE TABLE ${stage} (id int NOT NULL, v ${sqlType} NULL)`);
      await session.bulk({ name: stage, columns: [{ name: 'id', type: t.int(0).type, nullable: false }, { name: 'v', type: bulkType, nullable: true }] }, cells.map((cell, i) => [i, encode(cell)]));
      if (misfit !== null) expect(await session.rows(`SELECT s.id FROM ${stage} AS s WHERE ${misfit('s.v')}`)).toEqual([]);
      await session.execute(`INSERT INTO dbo.copy (id, v) SELECT s.id, ${cellValue(row.native, 's.v')} FROM ${stage} AS s`);
    });
  }

  const readAndWritten = async (row: MssqlTypeRow): Promise<void> => {
    const cells = await written(row);
    expect(await cellsOf('item', row)).toEqual(cells);
    const all = row.values.map(({ cell }) => cell);
    await staged(row, all);
    expect(await cellsOf('copy', row)).toEqual(all);
  };
  for (const row of MSSQL_TYPES) {
    const name = `${row.native} is read as the cells the stream gives, and written back as them (${String(row.values.length)} values)`;
    const need = NEEDS[row.native];
    if (need === undefined) it(name, () => readAndWritten(row));
    else itWith(need, name, () => readAndWritten(row));
  }

  itWith('hashbytes-utf8', 'each type is digested as in TypeScript, the table and its staged copy alike', async () => {
    const digits = serverFeatures().has('fraction-digits');
    for (const row of served().filter(({ native }) => digits || !/^(?:time|datetime2|datetimeoffset)\(/.test(native))) {
      const mapping = mappingOf(row);
      const rows = (await written(row)).map((cell, i): Cell[] => [String(i), cell]);
      await staged(row, rows.map(([, cell]) => cell ?? null));
      const expected = rows.map((cells) => ({ key: [cells[0] ?? ''], digest: digestOf(mapping, cells) }));
      for (const from of ['dbo.item AS t', 'dbo.copy AS t']) {
        for (const side of ['source', 'target'] as const) {
          const of: MssqlDigestRows = { mapping, side, from };
          const found = await readMssqlDigests(mssql, of, { of: 1, which: [0] }, running());
          expect({ native: row.native, side, from, digests: found.sort((a, b) => Number(a.key[0]) - Number(b.key[0])) }).toEqual({ native: row.native, side, from, digests: expected });
          const byBucket = (a: { bucket: number }, b: { bucket: number }): number => a.bucket - b.bucket;
          expect((await readMssqlChecksums(mssql, of, BUCKETS, running())).sort(byBucket)).toEqual(checksumsOf(mapping, rows, BUCKETS).sort(byBucket));
        }
      }
    }
  });

  itWith(['hashbytes-utf8', 'surrogate-halves'], 'half of a surrogate pair is read as it is, found by its key, and digested as no other text', async () => {
    const row = served().find(({ native }) => native === 'nvarchar(20)');
    if (row === undefined) throw new Error('the matrix has no nvarchar(20)');
    // UTF-16, little-endian: `a` and half a pair, half a pair and `b`; then what the server may make of them
    const values = ['CONVERT(nvarchar(20), 0x61003DD8)', 'CONVERT(nvarchar(20), 0x00DE6200)', "N'a' + NCHAR(65533)", "NCHAR(65533) + N'b'", "N'a?'", "N'a'"];
    await database.query(`DROP TABLE IF EXISTS dbo.item; CREATE TABLE dbo.item (id int NOT NULL PRIMARY KEY, v nvarchar(20) NULL); INSERT INTO dbo.item VALUES ${values.map((value, i) => `(${String(i)}, ${value})`).join(', ')}`);
    const cells = ['a\ud83d', '\ude00b', 'a\ufffd', '\ufffdb', 'a?', 'a'];
    expect(await cellsOf('item', row)).toEqual(cells);
    const mapping = mappingOf(row);
    const found = (await readMssqlDigests(mssql, { mapping, side: 'source', from: 'dbo.item AS t' }, { of: 1, which: [0] }, running())).sort((a, b) => Number(a.key[0]) - Number(b.key[0]));
    expect(found.slice(2).map(({ digest }) => digest)).toEqual(cells.slice(2).map((cell, i) => digestOf(mapping, [String(i + 2), cell])));
    const asIfMangled = ['a\ufffd', 'a?', 'a', '\ufffdb', '?b', 'b'].flatMap((cell) => ['0', '1'].map((id) => digestOf(mapping, [id, cell])));
    for (const { digest } of found.slice(0, 2)) expect(asIfMangled).not.toContain(digest);
    const keys = await mssql.rows<{ v: string }>(`SELECT j.v FROM OPENJSON(@keys) WITH (v nvarchar(20) '$') AS j`, { keys: t.json(['a\ud83d', '\ude00b']) });
    expect(keys.map(({ v }) => v)).toEqual(['a\ud83d', '\ude00b']);
  });

  it('finds a row by the text of its key, whatever its type', async () => {
    const bytes = serverFeatures().has('binary-styles');
    for (const row of served().filter(({ native }) => !/max|text|image|xml|float|real/.test(native) && (bytes || !/binary|rowversion|timestamp/.test(native)))) {
      const cells = await written(row);
      for (const [id, cell] of cells.entries()) {
        if (cell === null) continue;
        const found = await mssql.rows<{ id: number }>(`SELECT t.id FROM dbo.item AS t WHERE t.v = ${keyValue(row, '@key')}`, { key: t.nvarchar(cell, 4000) });
        expect({ native: row.native, cell, found: found.some((f) => f.id === id) }).toEqual({ native: row.native, cell, found: true });
      }
    }
  });

  itWith('code-pages', 'that a code page does not have are told before they are written', async () => {
    const { misfit, sqlType } = stagedColumn('varchar(3) COLLATE Latin1_General_CI_AS');
    const values = ['abc', 'é', '€', 'ł', '😀', '漢', 'abc '].map((text, i) => `(${String(i)}, N'${text}')`);
    await database.query(`DROP TABLE IF EXISTS dbo.raw; CREATE TABLE dbo.raw (id int NOT NULL, v ${sqlType.replace('(3)', '(10)')} NULL); INSERT INTO dbo.raw VALUES ${values.join(', ')}`);
    const found = await mssql.rows<{ id: number }>(`SELECT s.id FROM dbo.raw AS s WHERE ${misfit?.('s.v') ?? '1 = 0'} ORDER BY s.id`);
    expect(found.map(({ id }) => id)).toEqual([3, 4, 5, 6]);
  });
});

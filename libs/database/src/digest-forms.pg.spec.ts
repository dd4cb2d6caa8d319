import { decodeRows, silentLogger, type Cell, type MappedColumn, type TableMapping } from '@elstream/core';
import { createTestDatabase, MSSQL_TYPES, type TestDatabase } from '@elstream/testing';
import type { DataSource } from 'typeorm';
import { checksumsOf, digestOf } from './mssql/canonical-text.fixture';
import { copyOut } from './postgres/copy';
import { connectPostgres, DEFAULT_TIMEOUTS } from './postgres/data-source';
import { readChecksums, readDigests, type DigestRows } from './postgres/digest';

/**
 * Between two products: PostgreSQL's side of the digests of tables whose other side is SQL Server, against the canonical text
 * as TypeScript makes it, to which `cells.mssql.spec.ts` holds SQL Server's side.
 */
const BUCKETS = 4;
const running = (): AbortSignal => new AbortController().signal;
const byBucket = (a: { bucket: number }, b: { bucket: number }): number => a.bucket - b.bucket;

/** What holds a type of SQL Server in PostgreSQL. */
function onDatabase(native: string): string {
  const digits = /\((\d+)\)/.exec(native)?.[1] ?? '';
  if (native === 'bit') return 'bool';
  if (/^(?:tinyint|smallint)$/.test(native)) return 'int2';
  if (native === 'int') return 'int4';
  if (native === 'bigint') return 'int8';
  if (/^(?:decimal|money|smallmoney)/.test(native)) return native.replace(/^decimal/, 'numeric').replace(/^.*money/, 'numeric(19,4)');
  if (native === 'float') return 'float8';
  if (native === 'real') return 'float4';
  if (/binary|image/.test(native)) return 'bytea';
  if (native === 'uniqueidentifier') return 'uuid';
  if (native === 'date') return 'date';
  if (/^(?:time|datetime2)\((?:[0-6])\)$/.test(native)) return `${native.startsWith('time') ? 'time' : 'timestamp'}(${digits})`;
  if (native === 'datetime') return 'timestamp(3)';
  if (native === 'smalldatetime') return 'timestamp(0)';
  return 'text';
}

/** PostgreSQL's types, and what holds them in SQL Server, with values that it can hold. */
const TO_MSSQL: readonly (readonly [native: string, type: MappedColumn['type'], targetType: string, values: readonly string[]])[] = [
  ['bool', { kind: 'boolean' }, 'bit', ['true', 'false']],
  ['int8', { kind: 'integer', bits: 64 }, 'bigint', ['9223372036854775807', '-1']],
  ['numeric(10,2)', { kind: 'decimal', precision: 10, scale: 2 }, 'decimal(10,2)', ['1.50', '-0.10', '100']],
  ['numeric', { kind: 'decimal', precision: null, scale: null }, 'nvarchar(max)', ['1.50', 'NaN', '100']],
  ['float8', { kind: 'float', bits: 64 }, 'float(53)', ['0.1', '-0', '5e-324']],
  ['float4', { kind: 'float', bits: 32 }, 'real', ['0.1', '-0']],
  ['text', { kind: 'text', maxLength: null, padded: false }, 'nvarchar(max)', ['', ' ', 'é😀', 'a ']],
  ['char(3)', { kind: 'text', maxLength: 3, padded: true }, 'nvarchar(6)', ['a', '']],
  ['bytea', { kind: 'binary' }, 'varbinary(max)', ['\\x', '\\x00ff']],
  ['uuid', { kind: 'uuid' }, 'uniqueidentifier', ['6F9619FF-8B86-D011-B42D-00C04FC964FF']],
  ['date', { kind: 'date' }, 'date', ['0001-01-01', '9999-12-31']],
  ['time', { kind: 'time', zone: false }, 'time(6)', ['00:00', '23:59:59.999999']],
  ['timetz', { kind: 'time', zone: true }, 'nvarchar(50)', ['10:00+01']],
  ['timestamp', { kind: 'timestamp', zone: false }, 'datetime2(6)', ['2024-02-29 23:59:59.10', '0001-01-01']],
  ['timestamptz', { kind: 'timestamp', zone: true }, 'datetimeoffset(6)', ['2024-02-29 23:59:59.1+02', '9999-12-31 23:59:59.999999+00']],
  ['jsonb', { kind: 'json' }, 'nvarchar(max)', ['{"a": "é"}']],
  ['int4[]', { kind: 'other' }, 'nvarchar(max)', ['{1,NULL}']],
];

describe('digests of PostgreSQL whose other side is SQL Server', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  beforeAll(async () => {
    database = await createTestDatabase('forms');
    dataSource = await connectPostgres({ url: database.url, applicationName: 'test', maxConnections: 2, timeouts: DEFAULT_TIMEOUTS, connectTimeoutMs: 5000, logger: silentLogger });
  });
  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
  });

  async function expectAlike(table: string, side: DigestRows['side'], column: Omit<MappedColumn, 'source' | 'target' | 'nullable' | 'mask'>): Promise<void> {
    const id: MappedColumn = { source: 'id', target: 'id', type: { kind: 'integer', bits: 32 }, targetType: 'int', nullable: false, mask: null };
    const mapping: TableMapping = { id: table, source: { schema: 'public', name: table }, target: { schema: 'public', name: table }, columns: [id, { source: 'v', target: 'v', nullable: true, mask: null, ...column }], key: [0], chunkRows: 1 };
    const rows: Cell[][] = [];
    for await (const row of decodeRows(copyOut(dataSource, `COPY public.${table} TO STDOUT`, running()).rows)) rows.push(row);
    const of: DigestRows = { mapping, side, utf8: true, from: `public.${table} AS t` };
    const found = new Map((await readDigests(dataSource, of, { of: 1, which: [0] }, running())).map(({ key, digest }) => [key[0], digest]));
    expect({ type: column.targetType, found }).toEqual({ type: column.targetType, found: new Map(rows.map((row) => [row[0], digestOf(mapping, row)])) });
    expect((await readChecksums(dataSource, of, BUCKETS, running())).sort(byBucket)).toEqual(checksumsOf(mapping, rows, BUCKETS).sort(byBucket));
  }

  it.each(MSSQL_TYPES.map((row) => [row.native, onDatabase(row.native), row] as const))('%s kept as %s', async (native, targetType, { type, values }) => {
    await database.query(`DROP TABLE IF EXISTS kept; CREATE TABLE kept (id int PRIMARY KEY, v ${targetType})`);
    for (const [i, { cell }] of values.entries()) await database.query(`INSERT INTO kept VALUES (${String(i)}, $1)`, [cell]);
    const cells = (await database.query<{ v: Cell }>('SELECT v::text AS v FROM kept ORDER BY id')).map(({ v }) => v);
    // what PostgreSQL prints is the cell again; a cast spells booleans out
    if (type.kind !== 'boolean') expect(cells).toEqual(values.map(({ cell }) => cell));
    await expectAlike('kept', 'target', { type, native, targetType });
  });

  it.each(TO_MSSQL)('%s %j sent to %s', async (native, type, targetType, values) => {
    await database.query(`DROP TABLE IF EXISTS sent; CREATE TABLE sent (id int PRIMARY KEY, v ${native}); INSERT INTO sent VALUES (-1, NULL)`);
    for (const [i, value] of values.entries()) await database.query(`INSERT INTO sent VALUES (${String(i)}, $1)`, [value]);
    await expectAlike('sent', 'source', { type, native, targetType });
  });
});

import type { ColumnSchema, ColumnType, Product } from '@elstream/core';
import { stringify } from 'yaml';
import { isHashType, spellType, typeForSetting, typeProblem } from './explicit-type';
import { loadPipelineText, mapTables } from './index';
import { MSSQL_SAMPLES, POSTGRES_SAMPLES } from './type-samples';
import { keyRefusal, warehouseTypeOf } from './warehouse-type';

const columnOf = (native: string, type: ColumnType, portable = native): ColumnSchema => ({ name: 'c', native, type, portable, nullable: true });
const sampleOf = (samples: typeof MSSQL_SAMPLES, native: string): ColumnSchema => {
  const found = samples.find(({ column }) => column.native === native);
  if (found === undefined) throw new Error(`no sample ${native}`);
  return found.column;
};
const text = (maxLength: number | null): ColumnType => ({ kind: 'text', maxLength, padded: false });

describe('the type of a warehouse column', () => {
  it.each([...MSSQL_SAMPLES, ...POSTGRES_SAMPLES].map(({ column }) => [column.native, column] as const))('of the same product is what the source calls portable: %s', (_native, column) => {
    const product: Product = MSSQL_SAMPLES.some((sample) => sample.column === column) ? 'mssql' : 'postgres';
    expect(warehouseTypeOf(column, product, product, { key: true })).toEqual({ targetType: column.portable, parks: null });
  });

  it.each<readonly [string, string, string | null]>([
    ['boolean', 'bit', null],
    ['smallint', 'smallint', null],
    ['integer', 'int', null],
    ['bigint', 'bigint', null],
    ['numeric(10,2)', 'decimal(10,2)', 'NaN'],
    ['numeric(50,10)', 'nvarchar(max)', null],
    ['numeric(5,-2)', 'nvarchar(max)', null],
    ['numeric', 'nvarchar(max)', null],
    ['real', 'real', 'NaN, infinities'],
    ['double precision', 'float(53)', 'NaN, infinities'],
    ['character(10)', 'nvarchar(20)', null],
    ['character varying(50)', 'nvarchar(100)', null],
    ['character varying(2001)', 'nvarchar(max)', null],
    ['text', 'nvarchar(max)', null],
    ['bytea', 'varbinary(max)', null],
    ['uuid', 'uniqueidentifier', null],
    ['date', 'date', 'years before 1 and after 9999, infinities'],
    ['time without time zone', 'time(6)', '24:00:00'],
    ['time with time zone', 'nvarchar(50)', null],
    ['timestamp(3) without time zone', 'datetime2(3)', 'years before 1 and after 9999, infinities'],
    ['timestamp without time zone', 'datetime2(6)', 'years before 1 and after 9999, infinities'],
    ['timestamp with time zone', 'datetimeoffset(6)', 'years before 1 and after 9999, infinities'],
    ['jsonb', 'nvarchar(max)', null],
    ['interval', 'nvarchar(max)', null],
    ['integer[]', 'nvarchar(max)', null],
  ])('on SQL Server holds PostgreSQL %s: %s', (native, targetType, parks) => {
    expect(warehouseTypeOf(sampleOf(POSTGRES_SAMPLES, native), 'postgres', 'mssql', { key: false })).toEqual({ targetType, parks });
  });

  it.each<readonly [ColumnType, string]>([
    [text(null), 'nvarchar(450)'],
    [text(225), 'nvarchar(450)'],
    [text(226), 'nvarchar(450)'],
    [text(10), 'nvarchar(20)'],
    [{ kind: 'binary' }, 'varbinary(900)'],
    [{ kind: 'uuid' }, 'uniqueidentifier'],
    [{ kind: 'integer', bits: 64 }, 'bigint'],
    [{ kind: 'other' }, 'nvarchar(450)'],
    [{ kind: 'time', zone: true }, 'nvarchar(50)'],
  ])('in a key on SQL Server fits an index: %j is %s', (type, targetType) => {
    expect(warehouseTypeOf(columnOf('x', type), 'postgres', 'mssql', { key: true }).targetType).toBe(targetType);
  });

  it.each<readonly [string, string]>([
    ['bit', 'bool'],
    ['tinyint', 'int2'],
    ['smallint', 'int2'],
    ['int', 'int4'],
    ['bigint', 'int8'],
    ['decimal(19,4)', 'numeric(19,4)'],
    ['numeric(38,0)', 'numeric(38,0)'],
    ['money', 'numeric(19,4)'],
    ['smallmoney', 'numeric(10,4)'],
    ['real', 'float4'],
    ['float', 'float8'],
    ['char(10)', 'text'],
    ['nvarchar(50)', 'text'],
    ['nvarchar(max)', 'text'],
    ['rowversion', 'bytea'],
    ['uniqueidentifier', 'uuid'],
    ['date', 'date'],
    ['time(3)', 'time(3)'],
    ['time(7)', 'text'],
    ['smalldatetime', 'timestamp(0)'],
    ['datetime', 'timestamp(3)'],
    ['datetime2(3)', 'timestamp(3)'],
    ['datetime2(7)', 'text'],
    ['datetimeoffset(7)', 'text'],
    ['xml', 'text'],
  ])('on PostgreSQL holds SQL Server %s: %s', (native, targetType) => {
    expect(warehouseTypeOf(sampleOf(MSSQL_SAMPLES, native), 'mssql', 'postgres', { key: false }).targetType).toBe(`pg_catalog.${targetType}`);
  });

  it('takes a fraction that is not spelled for the longest', () => {
    expect(warehouseTypeOf(columnOf('datetime2', { kind: 'timestamp', zone: false }), 'mssql', 'postgres', { key: false }).targetType).toBe('pg_catalog.text');
  });

  it('is refused for a number that would be a text in a key', () => {
    const numeric = sampleOf(POSTGRES_SAMPLES, 'numeric');
    expect(keyRefusal(numeric, 'postgres', 'mssql')).toMatch(/is numeric, for which SQL Server has no number .* name another key/);
    expect([keyRefusal(numeric, 'postgres', 'postgres'), keyRefusal(sampleOf(POSTGRES_SAMPLES, 'numeric(10,2)'), 'postgres', 'mssql'), keyRefusal(sampleOf(MSSQL_SAMPLES, 'money'), 'mssql', 'postgres')]).toEqual([null, null, null]);
  });
});

describe('a type that the pipeline file gives', () => {
  it.each<readonly [string, Product]>([
    ['nvarchar(max)', 'mssql'],
    ['NVARCHAR( 200 )', 'mssql'],
    ['decimal(20, 4)', 'mssql'],
    ['decimal(38)', 'mssql'],
    ['datetime2', 'mssql'],
    ['datetimeoffset(3)', 'mssql'],
    ['float(53)', 'mssql'],
    ['varbinary(8000)', 'mssql'],
    ['money', 'mssql'],
    ['numeric(20,4)', 'postgres'],
    ['timestamptz', 'postgres'],
    ['pg_catalog.text', 'postgres'],
    ['public.citext', 'postgres'],
    ['bit(8)', 'postgres'],
    ['nchar(10)', 'postgres'],
  ])('may be %s on %s', (wanted, product) => expect(typeProblem(wanted, product)).toBeNull());

  it.each<readonly [string, Product, string]>([
    ['text', 'mssql', 'write nvarchar(max)'],
    ['timestamp', 'mssql', 'write datetime2(6)'],
    ['timestamp with time zone', 'mssql', 'write datetimeoffset(6)'],
    ['boolean', 'mssql', 'write bit'],
    ['pg_catalog.int4', 'mssql', 'write int'],
    ['rowversion', 'mssql', 'write binary(8)'],
    ['sql_variant', 'mssql', 'write one such as'],
    ['constructor', 'mssql', 'write one such as'],
    ['nvarchar', 'mssql', 'must be written as nvarchar(1 to 4000) or nvarchar(max)'],
    ['nvarchar(4001)', 'mssql', 'must be written as nvarchar'],
    ['nvarchar(0)', 'mssql', 'must be written as nvarchar'],
    ['decimal', 'mssql', 'must be written as decimal(precision,scale)'],
    ['decimal(39,0)', 'mssql', 'must be written as decimal'],
    ['decimal(10,11)', 'mssql', 'must be written as decimal'],
    ['decimal(10,-2)', 'mssql', 'must be written as decimal'],
    ['datetime2(8)', 'mssql', 'must be written as datetime2(0 to 7)'],
    ['nchar(max)', 'mssql', 'must be written as nchar(1 to 4000)'],
    ['int(4)', 'mssql', 'must be written as int'],
    ['int[]', 'mssql', 'is no type of a column in a SQL Server warehouse'],
    ['nvarchar(100)', 'postgres', 'is a type of SQL Server, while the warehouse is PostgreSQL; write text'],
    ['varchar(max)', 'postgres', 'write text'],
    ['datetime2(7)', 'postgres', 'write timestamp(6)'],
    ['datetimeoffset', 'postgres', 'write timestamptz'],
    ['uniqueidentifier', 'postgres', 'write uuid'],
  ])('cannot be %s on %s', (wanted, product, remedy) => expect(typeProblem(wanted, product)).toContain(remedy));

  it('has one spelling on SQL Server', () => {
    expect([spellType(' Decimal ( 20 , 4 )', 'mssql'), spellType('NVARCHAR(MAX)', 'mssql'), spellType('Timestamp(3)', 'postgres')]).toEqual(['decimal(20,4)', 'nvarchar(max)', 'Timestamp(3)']);
  });

  it.each<readonly [string, Product, boolean]>([
    ['text', 'postgres', true],
    ['varchar(64)', 'postgres', false],
    ['nvarchar(64)', 'mssql', true],
    ['nvarchar(max)', 'mssql', true],
    ['nvarchar(63)', 'mssql', false],
    ['text', 'mssql', false],
  ])('%s on %s holds a hash: %s', (wanted, product, expected) => expect(isHashType(wanted, product)).toBe(expected));

  const instant: ColumnType = { kind: 'timestamp', zone: true };
  const wall: ColumnType = { kind: 'timestamp', zone: false };
  const offset = sampleOf(MSSQL_SAMPLES, 'datetimeoffset(7)');
  it.each<readonly [string, ColumnSchema, string, Product, Product, ColumnType | RegExp]>([
    ['an offset given up', offset, 'timestamptz', 'mssql', 'postgres', instant],
    ['an offset given up in other words', offset, 'timestamp(3) with time zone', 'mssql', 'postgres', instant],
    ['an offset kept as text', offset, 'text', 'mssql', 'postgres', { kind: 'other' }],
    ['an offset and a type without', offset, 'timestamp', 'mssql', 'postgres', /holds instants, which timestamp would move; write timestamptz/],
    ['an offset and a type without, on SQL Server', offset, 'datetime2(7)', 'mssql', 'mssql', /write datetimeoffset\(7\)/],
    ['an offset of fewer digits', offset, 'datetimeoffset(3)', 'mssql', 'mssql', { kind: 'other' }],
    ['100 ns rounded', sampleOf(MSSQL_SAMPLES, 'datetime2(7)'), 'timestamp(6)', 'mssql', 'postgres', wall],
    ['no zone and a type with one', sampleOf(MSSQL_SAMPLES, 'datetime2(7)'), 'timestamptz', 'mssql', 'postgres', /holds times of no zone, .* write timestamp\(6\)/],
    ['no zone and a type with one, on SQL Server', sampleOf(POSTGRES_SAMPLES, 'timestamp without time zone'), 'datetimeoffset(6)', 'postgres', 'mssql', /write datetime2\(7\)/],
    ['an instant and a type without zone', sampleOf(POSTGRES_SAMPLES, 'timestamp with time zone'), 'datetime2(6)', 'postgres', 'mssql', /write datetimeoffset\(7\)/],
    ['what PostgreSQL does by itself', sampleOf(POSTGRES_SAMPLES, 'timestamp with time zone'), 'timestamp', 'postgres', 'postgres', instant],
    ['a float in another type than its own', sampleOf(MSSQL_SAMPLES, 'real'), 'numeric(20,4)', 'mssql', 'postgres', /is a float, of which SQL Server writes no exact text, .* write float4/],
    ['a float in a text', sampleOf(MSSQL_SAMPLES, 'float'), 'nvarchar(50)', 'mssql', 'mssql', /is a float, .* write float\(53\), or remove the type/],
    ['a float in one of another width', sampleOf(MSSQL_SAMPLES, 'real'), 'float', 'mssql', 'mssql', /is a float, .* write real, or remove/],
    ['a float of PostgreSQL in one of another width', sampleOf(POSTGRES_SAMPLES, 'real'), 'float(53)', 'postgres', 'mssql', /is a float, .* write real, or remove/],
    ['a float of PostgreSQL in its own', sampleOf(POSTGRES_SAMPLES, 'real'), 'Float ( 24 )', 'postgres', 'mssql', { kind: 'float', bits: 32 }],
    ['a float of PostgreSQL in a text', sampleOf(POSTGRES_SAMPLES, 'double precision'), 'nvarchar(50)', 'postgres', 'mssql', { kind: 'float', bits: 64 }],
    ['a number in a float of SQL Server', sampleOf(MSSQL_SAMPLES, 'decimal(19,4)'), 'float', 'mssql', 'mssql', /would be a float in the warehouse, .* compared with decimal\(19,4\); write decimal/],
    ['an integer of PostgreSQL in a float of SQL Server', sampleOf(POSTGRES_SAMPLES, 'integer'), 'Real', 'postgres', 'mssql', /would be a float in the warehouse/],
    ['a float in its own', sampleOf(MSSQL_SAMPLES, 'float'), 'double precision', 'mssql', 'postgres', { kind: 'float', bits: 64 }],
    ['a text', sampleOf(POSTGRES_SAMPLES, 'text'), 'datetimeoffset(7)', 'postgres', 'mssql', text(null)],
  ])('decides how values are carried: %s', (...[, column, wanted, from, to, expected]) => {
    const found = typeForSetting(column, wanted, { from, to });
    if (expected instanceof RegExp) expect(found).toMatch(expected);
    else expect(found).toEqual(expected);
  });
});

describe('mapTables between two products', () => {
  const kafka = { type: 'kafka', brokers: ['k:9092'], connect: { url: 'http://connect:8083' } };
  const map = (source: string, warehouse: string, columns: readonly ColumnSchema[], setting: object = {}) => {
    const text = stringify({ name: 'shop', source: { url: source }, warehouse: { url: warehouse }, tables: { include: ['*'], settings: [{ match: 's.t', ...setting }] }, ...(source.startsWith('mssql') ? { stream: kafka } : {}) });
    const id: ColumnSchema = { name: 'id', native: 'x', type: { kind: 'text', maxLength: 20, padded: false }, portable: 'nvarchar(20)', nullable: false };
    return mapTables(loadPipelineText(text, {}).config, [{ schema: { schema: 's', name: 't', columns: [id, ...columns], key: ['id'] } }]);
  };
  const SQL_SERVER = 'mssql://u@a/s';
  const POSTGRES = 'postgres://u@b/w';
  const SECRET = '0123456789abcdef';
  const offset = sampleOf(MSSQL_SAMPLES, 'datetimeoffset(7)');

  it('gives each column the type of the warehouse, and the key one that an index takes', () => {
    const { mappings, problems } = map(POSTGRES, 'mssql://u@a/w', [sampleOf(POSTGRES_SAMPLES, 'text')], { key: ['id'] });
    expect(problems).toEqual([]);
    expect(mappings[0]?.columns).toMatchObject([{ targetType: 'nvarchar(40)' }, { targetType: 'nvarchar(max)', native: 'text' }]);
    const other = map(POSTGRES, 'mssql://u@a/w', [sampleOf(POSTGRES_SAMPLES, 'text')], { key: ['c'] }).mappings[0];
    expect(other?.columns[1]?.targetType).toBe('nvarchar(450)');
  });

  it('stores a hash in the text type of the warehouse', () => {
    const hashed = { columns: { mask: { c: { hash: SECRET } } } };
    expect(map(SQL_SERVER, POSTGRES, [offset], hashed).mappings[0]?.columns[1]?.targetType).toBe('text');
    expect(map(SQL_SERVER, 'mssql://u@b/w', [offset], hashed).mappings[0]?.columns[1]?.targetType).toBe('nvarchar(64)');
  });

  it('carries a datetimeoffset with its offset, or as an instant where the file says so', () => {
    expect(map(SQL_SERVER, POSTGRES, [offset]).mappings[0]?.columns[1]).toMatchObject({ type: { kind: 'other' }, native: 'datetimeoffset(7)', targetType: 'pg_catalog.text' });
    expect(map(SQL_SERVER, POSTGRES, [offset], { columns: { type: { c: 'timestamptz' } } }).mappings[0]?.columns[1]).toMatchObject({ type: { kind: 'timestamp', zone: true }, targetType: 'timestamptz' });
  });

  it('refuses types that would move values, and numbers as texts in a key, by name', () => {
    expect(map(SQL_SERVER, POSTGRES, [offset], { columns: { type: { c: 'timestamp' } } }).problems).toEqual([expect.stringMatching(/^column c of table s\.t holds instants, which timestamp would move; .* in columns\.type\.c$/)]);
    expect(map(POSTGRES, 'mssql://u@a/w', [sampleOf(POSTGRES_SAMPLES, 'numeric')], { key: ['c'] }).problems).toEqual([expect.stringMatching(/^column c of table s\.t belongs to its key and is numeric, for which SQL Server has no number/)]);
  });

  it('takes names as long as the warehouse does', () => {
    const long = { ...sampleOf(POSTGRES_SAMPLES, 'text'), name: 'x'.repeat(64) };
    expect(map(POSTGRES, 'mssql://u@a/w', [long]).problems).toEqual([]);
    expect(map(SQL_SERVER, POSTGRES, [long]).problems.join()).toContain('is longer than 63 bytes, the most the warehouse takes; shorten it by columns.rename');
  });

  it('takes names that differ in case only for one on SQL Server, and for two on PostgreSQL', () => {
    const columns = ['Note', 'note', 'Deleted'].map((name) => ({ ...sampleOf(POSTGRES_SAMPLES, 'text'), name }));
    const kept = { history: 'derived' };
    expect(map(POSTGRES, 'mssql://u@a/w', columns, kept).problems).toEqual([
      expect.stringMatching(/^columns Note and note of table s\.t would both be called note, which differs in case or in blanks at its end only; correct columns\.rename/),
      expect.stringMatching(/^column Deleted of table s\.t would be called Deleted, a name its history table keeps for itself/),
    ]);
    expect(map(POSTGRES, POSTGRES.replace('@b', '@c'), columns, kept).problems).toEqual([]);
    expect(map(POSTGRES, 'mssql://u@a/w', [], { target: { schema: 'Elstream' } }).problems.join()).toContain('target schema of table s.t is elstream, which holds the control tables');
  });

  it('refuses two tables whose names differ in case only on SQL Server', () => {
    const text = stringify({ name: 'shop', source: { url: POSTGRES }, warehouse: { url: 'mssql://u@a/w' }, tables: { include: ['*'] } });
    const id: ColumnSchema = { name: 'id', native: 'integer', type: { kind: 'integer', bits: 32 }, portable: 'pg_catalog.int4', nullable: false };
    const tables = ['Item', 'item'].map((name) => ({ schema: { schema: 's', name, columns: [id], key: ['id'] } }));
    expect(mapTables(loadPipelineText(text, {}).config, tables).problems).toEqual([expect.stringMatching(/^tables s\.Item and s\.item would both be written to s\.item/)]);
  });

  it('refuses two tables whose names differ in blanks at the end only on SQL Server, whatever their targets are', () => {
    const id: ColumnSchema = { name: 'id', native: 'integer', type: { kind: 'integer', bits: 32 }, portable: 'pg_catalog.int4', nullable: false };
    const problems = (warehouse: string, settings: object[]): readonly string[] => {
      const text = stringify({ name: 'shop', source: { url: POSTGRES }, warehouse: { url: warehouse }, tables: { include: ['*'], settings } });
      return mapTables(loadPipelineText(text, {}).config, ['item', 'item '].map((name) => ({ schema: { schema: 's', name, columns: [id], key: ['id'] } }))).problems;
    };
    const elsewhere = [{ match: 's.item', target: { name: 'other' } }];
    const indistinct = 'tables "s.item" and "s.item " differ in blanks at the end only, which SQL Server does not tell; leave one of them out by tables.exclude';
    expect(problems('mssql://u@a/w', elsewhere)).toEqual([indistinct]);
    expect(problems('mssql://u@a/w', [])).toEqual([indistinct, expect.stringContaining('would both be written to')]);
    expect(problems(POSTGRES.replace('@b', '@c'), [])).toEqual([]);
  });
});

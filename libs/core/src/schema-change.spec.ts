import type { ColumnType } from './column-type';
import { compareMappings, isUnchanged } from './schema-change';
import type { MappedColumn, TableMapping } from './table';

const text = (maxLength: number | null): ColumnType => ({ kind: 'text', maxLength, padded: false });
const column = (source: string, type: ColumnType, targetType: string, more: Partial<MappedColumn> = {}): MappedColumn => ({ source, target: source, type, targetType, nullable: true, mask: null, ...more });
const ID = column('id', { kind: 'integer', bits: 32 }, 'pg_catalog.int4');
const mapping = (columns: readonly MappedColumn[], more: Partial<TableMapping> = {}): TableMapping => ({ id: 'public.t', source: { schema: 'public', name: 't' }, target: { schema: 'public', name: 't' }, columns: [ID, ...columns], key: [0], chunkRows: 1000, ...more });

const decimal = (precision: number | null, scale: number | null): MappedColumn => column('v', { kind: 'decimal', precision, scale }, precision === null ? 'pg_catalog.numeric' : `pg_catalog.numeric(${String(precision)},${String(scale)})`);
const varchar = (length: number | null): MappedColumn => column('v', text(length), length === null ? 'pg_catalog.varchar' : `pg_catalog.varchar(${String(length)})`);
const timestamp = (digits: number | null): MappedColumn => column('v', { kind: 'timestamp', zone: true }, digits === null ? 'pg_catalog.timestamptz' : `pg_catalog.timestamptz(${String(digits)})`);

const mssql = (type: ColumnType, native: string): MappedColumn => column('v', type, native, { native });

describe('the change between two mappings of a table', () => {
  it.each<[string, MappedColumn, MappedColumn, 'same' | 'widened' | 'obstacle']>([
    ['int4 → int8', column('v', { kind: 'integer', bits: 32 }, 'pg_catalog.int4'), column('v', { kind: 'integer', bits: 64 }, 'pg_catalog.int8'), 'widened'],
    ['int8 → int4', column('v', { kind: 'integer', bits: 64 }, 'pg_catalog.int8'), column('v', { kind: 'integer', bits: 32 }, 'pg_catalog.int4'), 'obstacle'],
    ['varchar(10) → varchar(20)', varchar(10), varchar(20), 'widened'],
    ['varchar(10) → varchar', varchar(10), varchar(null), 'widened'],
    ['varchar(20) → varchar(10)', varchar(20), varchar(10), 'obstacle'],
    ['numeric(10,2) → numeric(12,2)', decimal(10, 2), decimal(12, 2), 'widened'],
    ['numeric(10,2) → numeric(12,4)', decimal(10, 2), decimal(12, 4), 'widened'],
    ['numeric(10,2) → numeric(10,4), whose whole part is shorter', decimal(10, 2), decimal(10, 4), 'obstacle'],
    ['numeric(10,2) → numeric', decimal(10, 2), decimal(null, null), 'widened'],
    ['numeric → numeric(10,2)', decimal(null, null), decimal(10, 2), 'obstacle'],
    ['float4 → float8, which spells values otherwise', column('v', { kind: 'float', bits: 32 }, 'pg_catalog.float4'), column('v', { kind: 'float', bits: 64 }, 'pg_catalog.float8'), 'obstacle'],
    ['timestamptz(3) → timestamptz(6)', timestamp(3), timestamp(6), 'widened'],
    ['timestamptz(3) → timestamptz', timestamp(3), timestamp(null), 'widened'],
    ['timestamptz → timestamptz(3)', timestamp(null), timestamp(3), 'obstacle'],
    ['tinyint → smallint', mssql({ kind: 'integer', bits: 16 }, 'tinyint'), mssql({ kind: 'integer', bits: 16 }, 'smallint'), 'widened'],
    ['smallint → tinyint', mssql({ kind: 'integer', bits: 16 }, 'smallint'), mssql({ kind: 'integer', bits: 16 }, 'tinyint'), 'obstacle'],
    ['money → decimal(19,4)', mssql({ kind: 'decimal', precision: 19, scale: 4 }, 'money'), mssql({ kind: 'decimal', precision: 19, scale: 4 }, 'decimal(19,4)'), 'widened'],
    ['decimal(19,4) → money, which holds less', mssql({ kind: 'decimal', precision: 19, scale: 4 }, 'decimal(19,4)'), mssql({ kind: 'decimal', precision: 19, scale: 4 }, 'money'), 'obstacle'],
    ['varbinary(20) → varbinary(max)', mssql({ kind: 'binary' }, 'varbinary(20)'), mssql({ kind: 'binary' }, 'varbinary(max)'), 'widened'],
    ['varbinary(20) → varbinary(10)', mssql({ kind: 'binary' }, 'varbinary(20)'), mssql({ kind: 'binary' }, 'varbinary(10)'), 'obstacle'],
    ['datetime2(3) → datetime2(6)', column('v', { kind: 'timestamp', zone: false }, 'datetime2(3)'), column('v', { kind: 'timestamp', zone: false }, 'datetime2(6)'), 'widened'],
    ['datetimeoffset(7) → datetimeoffset(3)', column('v', { kind: 'other' }, 'datetimeoffset(7)'), column('v', { kind: 'other' }, 'datetimeoffset(3)'), 'obstacle'],
    ['datetime2(6) → datetime2(7), which PostgreSQL keeps as text', column('v', { kind: 'timestamp', zone: false }, 'pg_catalog.timestamp(6)'), column('v', { kind: 'timestamp', zone: false }, 'pg_catalog.text'), 'obstacle'],
    ['text → int4', column('v', text(null), 'pg_catalog.text'), column('v', { kind: 'integer', bits: 32 }, 'pg_catalog.int4'), 'obstacle'],
    ['a column that may be NULL now', column('v', text(null), 'pg_catalog.text', { nullable: false }), column('v', text(null), 'pg_catalog.text'), 'same'],
    ['a type whose parts come in another order', column('v', { kind: 'text', maxLength: null, padded: false }, 'pg_catalog.text'), column('v', { padded: false, kind: 'text', maxLength: null }, 'pg_catalog.text'), 'same'],
  ])('%s', (_what, before, now, verdict) => {
    const change = compareMappings(mapping([before]), mapping([now]));
    expect(change.widened).toEqual(verdict === 'widened' ? ['v'] : []);
    expect(change.obstacles).toHaveLength(verdict === 'obstacle' ? 1 : 0);
    expect(isUnchanged(change)).toBe(verdict === 'same');
  });

  it('names columns that are new and columns that are gone', () => {
    const change = compareMappings(mapping([varchar(10), column('old', text(null), 'text')]), mapping([varchar(10), column('new', text(null), 'text')]));
    expect(change).toEqual({ added: ['new'], dropped: ['old'], widened: [], obstacles: [], configured: [] });
  });

  it('is none where the new column would take the warehouse column of one that is gone', () => {
    const change = compareMappings(mapping([column('a', text(null), 'text', { target: 'x' })]), mapping([column('b', text(null), 'text', { target: 'x' })]));
    expect(change.obstacles).toEqual([expect.stringContaining('would take the warehouse column of a')]);
  });

  it('has another key as an obstacle, named', () => {
    expect(compareMappings(mapping([varchar(10)]), mapping([varchar(10)], { key: [0, 1] })).obstacles).toEqual(['the key of public.t was (id) and is (id, v)']);
  });

  it.each<[string, Partial<TableMapping>, Partial<MappedColumn>]>([
    ['another target', { target: { schema: 'other', name: 't' } }, {}],
    ['history', { history: { kind: 'derived', target: { schema: 'public', name: 't_archive' }, source: null, period: null } }, {}],
    ['a mask', {}, { mask: { kind: 'null' } }],
    ['a name', {}, { target: 'w' }],
    ['a type of the pipeline file', {}, { targetType: 'text' }],
  ])('leaves what the pipeline file changed to the next run: %s', (_what, table, of) => {
    const now = column('v', { kind: 'integer', bits: 32 }, 'pg_catalog.int4');
    const change = compareMappings(mapping([now]), mapping([{ ...now, ...of }], table));
    expect(change.configured).toHaveLength(1);
    expect(isUnchanged(change)).toBe(true);
  });
});

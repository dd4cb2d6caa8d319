import type { ColumnType, TableMapping } from '@elstream/core';
import { buildTarget, fullType, keyEquals, quotedOf, stagedOf, temporaryColumn } from './target';

const text: ColumnType = { kind: 'text', maxLength: null, padded: false };

function mapping(columns: readonly (readonly [type: ColumnType, targetType: string])[], keys = 1): TableMapping {
  return {
    id: 'dbo.t',
    source: { schema: 'dbo', name: 't' },
    target: { schema: 'dbo', name: 't' },
    columns: columns.map(([type, targetType], i) => ({ source: `s${String(i)}`, target: `c]${String(i)}`, type, targetType, nullable: true, mask: null })),
    key: columns.slice(0, keys).map((_, i) => i),
    chunkRows: 100,
  };
}

describe('a target on SQL Server', () => {
  it.each([
    ['nvarchar(max)', 'nvarchar(450) COLLATE Latin1_General_100_BIN2'],
    ['nvarchar(20)', 'nvarchar(20) COLLATE Latin1_General_100_BIN2'],
    ['nvarchar(1000)', 'nvarchar(450) COLLATE Latin1_General_100_BIN2'],
    ['varchar(20) COLLATE Japanese_CI_AS', 'nvarchar(20) COLLATE Latin1_General_100_BIN2'],
    ['char(5)', 'nchar(5) COLLATE Latin1_General_100_BIN2'],
    ['varbinary(max)', 'varbinary(900)'],
    ['varbinary(16)', 'varbinary(16)'],
    ['bigint', 'bigint'],
    ['numeric(10, 2)', 'decimal(10,2)'],
  ])('has a key of type %s as %s: bytewise, and no longer than an index holds', (given, made) => {
    const [key] = buildTarget('p', mapping([[text, given]])).key;
    expect(key === undefined ? '' : fullType(key)).toBe(made);
    expect(key?.nullable).toBe(false);
  });

  it('keeps a column of a code page with its collation, and says the database’s where none is said', () => {
    const { columns } = buildTarget('p', mapping([[{ kind: 'integer', bits: 32 }, 'int'], [text, 'varchar(20) COLLATE Japanese_CI_AS'], [text, 'varchar(20)'], [text, 'date']]));
    expect(columns.map((c) => temporaryColumn(c, c.property))).toEqual(['c0 int', 'c1 varchar(20) COLLATE Japanese_CI_AS', 'c2 varchar(20) COLLATE DATABASE_DEFAULT', 'c3 date']);
  });

  it('compares keys of variable length with their lengths: blanks and zeros at the end count', () => {
    const { key } = buildTarget('p', mapping([[text, 'nvarchar(9)'], [{ kind: 'binary' }, 'varbinary(9)'], [{ kind: 'integer', bits: 64 }, 'bigint']], 3));
    expect(keyEquals(key, quotedOf('t'), stagedOf('s'))).toBe('t.[c]]0] = s.c0 AND DATALENGTH(t.[c]]0]) = DATALENGTH(s.c0) AND t.[c]]1] = s.c1 AND DATALENGTH(t.[c]]1]) = DATALENGTH(s.c1) AND t.[c]]2] = s.c2');
  });

  it('refuses a type that SQL Server does not have', () => {
    expect(() => buildTarget('p', mapping([[text, 'pg_catalog.text']]))).toThrow(expect.objectContaining({ code: 'TYPE_UNSUPPORTED', recovery: 'refuse' }) as Error);
  });
});

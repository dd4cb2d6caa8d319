import type { Cell, ColumnType, MappedColumn } from '@elstream/core';
import { equalCells } from './equal-cells';

const DECIMAL: ColumnType = { kind: 'decimal', precision: null, scale: null };
const FLOAT8: ColumnType = { kind: 'float', bits: 64 };
const FLOAT4: ColumnType = { kind: 'float', bits: 32 };
const TEXT: ColumnType = { kind: 'text', maxLength: null, padded: false };
const CHAR: ColumnType = { kind: 'text', maxLength: 5, padded: true };
const TIMESTAMP: ColumnType = { kind: 'timestamp', zone: true };
const BINARY: ColumnType = { kind: 'binary' };

const column = (type: ColumnType, targetType: string, mask: MappedColumn['mask'] = null): MappedColumn => ({ source: 'c', target: 'c', type, targetType, nullable: true, mask });

describe('two cells', () => {
  it.each<readonly [name: string, type: ColumnType, target: string, a: Cell, b: Cell, equal: boolean]>([
    ['NULL and NULL', TEXT, 'text', null, null, true],
    ['NULL and the empty text', TEXT, 'text', null, '', false],
    ['the empty text and NULL', TEXT, 'text', '', null, false],
    ['NULL and zero', DECIMAL, 'numeric', null, '0', false],
    ['a trailing blank', TEXT, 'text', 'a', 'a ', false],
    ['a trailing blank of char(n)', CHAR, 'character(5)', 'a    ', 'a   ', false],
    ['another letter that looks the same', TEXT, 'text', 'I', 'І', false],
    ['decimals of another scale', DECIMAL, 'numeric(12,4)', '1.0', '1.0000', true],
    ['a decimal with and without a point', DECIMAL, 'pg_catalog.numeric', '100', '100.00', true],
    ['whole decimals whose zeros count', DECIMAL, 'numeric', '10', '100', false],
    ['the last digit of a decimal', DECIMAL, 'numeric', '12345678901234567890.123456789', '12345678901234567890.123456788', false],
    ['a decimal and its negative', DECIMAL, 'numeric', '1.5', '-1.50', false],
    ['zero and minus zero as decimals', DECIMAL, 'numeric', '0.00', '-0', true],
    ['a point without a whole part', DECIMAL, 'numeric', '.5', '0.50', true],
    ['NaN and NaN as decimals', DECIMAL, 'numeric', 'NaN', 'NaN', true],
    ['NaN and Infinity as decimals', DECIMAL, 'numeric', 'NaN', 'Infinity', false],
    ['decimals kept as a text are compared as texts', DECIMAL, 'text', '1.0', '1.00', false],
    ['zero and minus zero as floats', FLOAT8, 'double precision', '0', '-0', false],
    ['two spellings of one float', FLOAT8, 'float8', '1e+20', '100000000000000000000', true],
    ['neighbouring floats', FLOAT8, 'float8', '0.1', '0.10000000000000002', false],
    ['two spellings of one float of four bytes', FLOAT4, 'real', '0.1', '0.10000000149011612', true],
    ['NaN and a float', FLOAT8, 'float8', 'NaN', '0', false],
    ['NaN and NaN as floats', FLOAT8, 'float8', 'NaN', 'NaN', true],
    ['a microsecond', TIMESTAMP, 'timestamp with time zone', '2024-02-29 23:59:59.000001+00', '2024-02-29 23:59:59+00', false],
    ['bytes with and without prefix', BINARY, 'bytea', '\\x00ff', '00FF', true],
    ['bytes that differ', BINARY, 'bytea', '\\x00ff', '\\x00fe', false],
    ['decimals of another scale in SQL Server', DECIMAL, 'decimal(12,4)', '1.0', '1.0000', true],
    ['decimals that SQL Server keeps as texts', DECIMAL, 'nvarchar(max)', '1.0', '1.00', false],
    ['two spellings of one float in SQL Server', FLOAT8, 'float(53)', '1e+20', '100000000000000000000', true],
    ['zero and minus zero as floats in SQL Server', FLOAT4, 'real', '0', '-0', false],
    ['bytes with and without prefix in SQL Server', BINARY, 'varbinary(max)', '\\x00ff', '00FF', true],
    ['a trailing blank in SQL Server', TEXT, 'nvarchar(max)', 'a', 'a ', false],
    ['one instant of two offsets, kept as text', { kind: 'other' }, 'text', '2018-07-13 01:23:45+00 +11:00', '2018-07-13 01:23:45+00 +00:00', false],
    ['no bytes and NULL', BINARY, 'bytea', '\\x', null, false],
  ])('%s', (...[, type, target, a, b, equal]) => {
    expect(equalCells(column(type, target), a, b)).toBe(equal);
    expect(equalCells(column(type, target), b, a)).toBe(equal);
  });

  it('of a hashed decimal are texts', () => {
    const hashed = column(DECIMAL, 'numeric', { kind: 'hash', secret: 's' });
    expect(equalCells(hashed, '1.0', '1.00')).toBe(false);
  });
});

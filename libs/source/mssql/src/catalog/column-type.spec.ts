import { type ColumnType } from '@elstream/core';
import { knownMssqlType } from '@elstream/database';
import { describeType, type CatalogType } from './column-type';

const held = (base: string, maxLength = 0, precision = 0, scale = 0): CatalogType => ({ base, maxLength, precision, scale });
const text = (maxLength: number | null, padded = false): ColumnType => ({ kind: 'text', maxLength, padded });
const decimal = (precision: number, scale: number): ColumnType => ({ kind: 'decimal', precision, scale });
const integer = (bits: 16 | 32 | 64): ColumnType => ({ kind: 'integer', bits });
const timestamp: ColumnType = { kind: 'timestamp', zone: false };

/** As sys.columns has them: maximum length in bytes, precision, scale. */
const CARRIED: readonly (readonly [CatalogType, native: string, portable: string, ColumnType])[] = [
  [held('bit', 1, 1), 'bit', 'bit', { kind: 'boolean' }],
  [held('tinyint', 1, 3), 'tinyint', 'tinyint', integer(16)],
  [held('smallint', 2, 5), 'smallint', 'smallint', integer(16)],
  [held('int', 4, 10), 'int', 'int', integer(32)],
  [held('bigint', 8, 19), 'bigint', 'bigint', integer(64)],
  [held('decimal', 9, 10, 2), 'decimal(10,2)', 'decimal(10,2)', decimal(10, 2)],
  [held('numeric', 17, 38, 38), 'numeric(38,38)', 'numeric(38,38)', decimal(38, 38)],
  [held('money', 8, 19, 4), 'money', 'money', decimal(19, 4)],
  [held('smallmoney', 4, 10, 4), 'smallmoney', 'smallmoney', decimal(10, 4)],
  [held('real', 4, 24), 'real', 'real', { kind: 'float', bits: 32 }],
  [held('float', 8, 53), 'float', 'float', { kind: 'float', bits: 64 }],
  [held('char', 10), 'char(10)', 'nvarchar(10)', text(10, true)],
  [held('char', 8000), 'char(8000)', 'nvarchar(max)', text(8000, true)],
  [held('varchar', 50), 'varchar(50)', 'nvarchar(50)', text(50)],
  [held('varchar', -1), 'varchar(max)', 'nvarchar(max)', text(null)],
  [held('nchar', 20), 'nchar(10)', 'nchar(10)', text(10, true)],
  [held('nvarchar', 8000), 'nvarchar(4000)', 'nvarchar(4000)', text(4000)],
  [held('nvarchar', -1), 'nvarchar(max)', 'nvarchar(max)', text(null)],
  [held('sysname', 256), 'nvarchar(128)', 'nvarchar(128)', text(128)],
  [held('text', 16), 'text', 'nvarchar(max)', text(null)],
  [held('ntext', 16), 'ntext', 'nvarchar(max)', text(null)],
  [held('binary', 16), 'binary(16)', 'binary(16)', { kind: 'binary' }],
  [held('varbinary', -1), 'varbinary(max)', 'varbinary(max)', { kind: 'binary' }],
  [held('image', 16), 'image', 'varbinary(max)', { kind: 'binary' }],
  [held('timestamp', 8), 'rowversion', 'binary(8)', { kind: 'binary' }],
  [held('uniqueidentifier', 16), 'uniqueidentifier', 'uniqueidentifier', { kind: 'uuid' }],
  [held('date', 3, 10), 'date', 'date', { kind: 'date' }],
  [held('time', 5, 16, 7), 'time(7)', 'time(7)', { kind: 'time', zone: false }],
  [held('datetime', 8, 23, 3), 'datetime', 'datetime', timestamp],
  [held('smalldatetime', 4, 16), 'smalldatetime', 'smalldatetime', timestamp],
  [held('datetime2', 6, 19, 0), 'datetime2(0)', 'datetime2(0)', timestamp],
  [held('datetimeoffset', 10, 34, 7), 'datetimeoffset(7)', 'datetimeoffset(7)', { kind: 'other' }],
  [held('xml', -1), 'xml', 'nvarchar(max)', { kind: 'other' }],
];

describe('the types of a SQL Server source', () => {
  it.each(CARRIED)('%j is %s, kept as %s', (type, native, portable, kind) => {
    expect(describeType(type)).toEqual({ type: kind, native, portable, refusal: null });
    expect(knownMssqlType(native)).not.toBeNull();
    expect(knownMssqlType(portable)).not.toBeNull();
  });

  it.each(['sql_variant', 'geometry', 'geography', 'hierarchyid', 'vector', 'json', 'my_clr_type', 'toString'])('%s is refused with a reason', (base) => {
    expect(describeType(held(base, 892))).toMatchObject({ native: base, refusal: expect.stringMatching(/carry|CLR/) as string });
  });
});

import type { Cell } from '@elstream/core';
import { MSSQL_TYPES } from '@elstream/testing';
import { selectCell } from './select-cell';
import { stagedColumn } from './stage-cell';

const VALUES = MSSQL_TYPES.flatMap(({ native, type, values }) => values.map((value) => ({ native, type, ...value, shown: value.json.slice(0, 50) })));

describe('a value of SQL Server', () => {
  // libs/debezium holds the stream to the same cells.
  it.each(VALUES)('$native $shown is read as its cell', ({ native, type, driver, cell }) => {
    expect(selectCell({ type, native }, 't.v').cell(driver)).toBe(cell);
  });

  it.each(VALUES)('$native $shown can be staged for a column of its own type', ({ native, cell, driver }) => {
    const staged = stagedColumn(native).encode(cell);
    if (cell === null) expect(staged).toBeNull();
    else if (typeof driver === 'number' && /^(?:float|real)$/.test(native)) expect(Object.is(staged, driver)).toBe(true);
    else if (Buffer.isBuffer(driver)) expect(staged).toEqual(driver);
    else expect(typeof staged).toBe('string');
  });

  it('of type datetimeoffset is its instant alone where a setting gives the offset up', () => {
    const { sql, cell } = selectCell({ type: { kind: 'timestamp', zone: true }, native: 'datetimeoffset(3)' }, 't.v');
    expect(sql).not.toContain('RIGHT');
    expect(cell('2018-07-13 01:23:45.450')).toBe('2018-07-13 01:23:45.45+00');
  });

  it.each(['nvarchar(5)', 'ntext'])('of type %s is the text as it is, half of a surrogate pair too', (native) => {
    for (const text of ['a\ud83d', '\ude00', 'a\0']) expect(selectCell({ type: { kind: 'text', maxLength: 5, padded: false }, native }, 't.v').cell(text)).toBe(text);
  });

  it('of type rowversion is bytes', () => {
    expect(selectCell({ type: { kind: 'binary' }, native: 'rowversion' }, 't.v').cell(Buffer.from('00000000000007d1', 'hex'))).toBe('\\x00000000000007d1');
  });

  it.each([
    ['decimal(5,2)', 1.5, 'DB_UNEXPECTED_VALUE'],
    ['datetime2(7)', new Date(0), 'DB_UNEXPECTED_VALUE'],
    ['bigint', 2 ** 60, 'DB_UNEXPECTED_VALUE'],
    ['varbinary(5)', 'x', 'DB_UNEXPECTED_VALUE'],
  ])('that is no %s as the driver should give it is never guessed at', (native, driver, code) => {
    expect(() => selectCell({ type: { kind: 'other' }, native }, 't.v').cell(driver)).toThrow(expect.objectContaining({ code }));
  });

  it.each(['sql_variant', 'geometry', 'geography', 'hierarchyid', 'vector(3)', 'json', 'dbo.mine', 'varchar(9000)', 'nvarchar(4001)', 'decimal(39,0)', 'decimal(5,6)', 'datetime2(8)', 'float(54)', 'int(4)', "int); DROP TABLE x --", 'int COLLATE x', 'char(max)', 'constructor', ''])(
    'of type %j is refused by name',
    (native) => {
      expect(() => selectCell({ type: { kind: 'other' }, native }, 't.v')).toThrow(expect.objectContaining({ code: 'TYPE_UNSUPPORTED', recovery: 'refuse' }));
      expect(() => stagedColumn(native)).toThrow(expect.objectContaining({ code: 'TYPE_UNSUPPORTED', recovery: 'refuse' }));
    },
  );
});

describe('a cell for a column of SQL Server', () => {
  it.each<[string, Cell, string]>([
    ['decimal(5,2)', '1.234', 'more digits after the point'],
    ['decimal(5,2)', '1000', 'more digits before the point'],
    ['decimal(38,10)', 'NaN', 'NaN or an infinity'],
    ['decimal(38,10)', '-Infinity', 'NaN or an infinity'],
    ['decimal(5,2)', '1e3', 'no plain decimal'],
    ['money', '922337203685477.5808', 'out of its range'],
    ['money', '0.00001', 'more than four digits'],
    ['smallmoney', '-214748.3649', 'out of its range'],
    ['tinyint', '-1', 'out of its range'],
    ['tinyint', '256', 'out of its range'],
    ['bigint', '9223372036854775808', 'out of its range'],
    ['int', '1.0', 'no integer'],
    ['bit', '1', 'no boolean'],
    ['float', 'NaN', 'NaN or an infinity'],
    ['float', 'Infinity', 'NaN or an infinity'],
    ['float', '1e400', 'out of its range'],
    ['real', '1e39', 'out of its range'],
    ['real', '0.12345678901', 'four bytes'],
    ['nvarchar(3)', 'abcd', 'longer'],
    ['nvarchar(3)', '😀😀', 'longer'],
    ['varchar(3)', 'abcd', 'longer'],
    ['nchar(3)', 'ab', 'filled up with blanks'],
    ['nvarchar(max)', '\ud83d', 'surrogate pair'],
    ['xml', '\udc00', 'surrogate pair'],
    ['varbinary(2)', '\\x000000', 'longer'],
    ['binary(2)', '\\x00', 'filled up with zeros'],
    ['varbinary(2)', '00', 'no binary'],
    ['uniqueidentifier', 'x', 'no uuid'],
    ['date', '0044-03-15 BC', 'before the year 1'],
    ['date', 'infinity', 'infinity'],
    ['date', '10000-01-01', 'after the year 9999'],
    ['date', '2024-01-01 00:00:00', 'no date'],
    ['datetime2(6)', '-infinity', 'infinity'],
    ['datetime2(6)', '0044-03-15 10:00:00 BC', 'before the year 1'],
    ['datetime2(6)', '294276-12-31 23:59:59.999999', 'after the year 9999'],
    ['datetime2(6)', '2024-01-01 00:00:00.1234567', 'more digits in its fraction'],
    ['datetime2(6)', '2024-01-01 00:00:00+00', 'make it datetimeoffset'],
    ['datetime2(0)', '2024-01-01 00:00:00.5', 'more digits in its fraction'],
    ['datetimeoffset(3)', '2024-01-01 00:00:00.1234+00', 'more digits in its fraction'],
    ['datetimeoffset(3)', '2024-01-01 00:00:00', 'no zone'],
    ['datetimeoffset(7)', 'infinity', 'infinity'],
    ['datetime', '2024-01-01 00:00:00.001', '1/300 s'],
    ['datetime', '2024-01-01 00:00:00.0001', '1/300 s'],
    ['datetime', '1752-12-31 00:00:00', 'before 1753'],
    ['smalldatetime', '2024-01-01 00:00:01', 'has seconds'],
    ['smalldatetime', '2079-06-07 00:00:00', 'after 2079-06-06'],
    ['time(3)', '10:00:00.0001', 'more digits in its fraction'],
    ['time(7)', '24:00:00', '24:00:00'],
    ['time(7)', '10:00:00+01', 'has a zone'],
  ])('of type %s that would be changed is parked: %s', (targetType, cell, problem) => {
    const { encode } = stagedColumn(targetType);
    expect(() => encode(cell)).toThrow(expect.objectContaining({ code: 'VALUE_UNFIT', recovery: 'park', message: expect.stringContaining(problem) as string }));
  });

  it.each<[string, Cell, unknown]>([
    ['decimal(5,2)', '1.5000', '1.5'],
    ['decimal(38,38)', '0.10', '0.1'],
    ['decimal(5,2)', '000.00', '0'],
    ['decimal(5,0)', '-100.000', '-100'],
    ['money', '-922337203685477.5808', '-922337203685477.5808'],
    ['real', '1.1', Math.fround(1.1)],
    ['real', '0.5', 0.5],
    ['float(53)', '-0', -0],
    ['bit', 't', 't'],
    ['nvarchar(2)', '😀', '😀'],
    ['varchar(4)', 'é', 'é'],
    ['datetime2(3)', '2024-01-01 00:00:00.5', '2024-01-01 00:00:00.5'],
    ['datetime', '2024-01-01 00:00:00.997', '2024-01-01 00:00:00.997'],
    ['datetimeoffset(6)', '2024-01-01 00:00:00.5+00', '2024-01-01 00:00:00.5+00 +00:00'],
    ['datetimeoffset(7)', '2024-01-01 00:00:00+00 -05:30', '2024-01-01 00:00:00+00 -05:30'],
    ['nvarchar(max)', null, null],
  ])('of type %s: %s is staged as %j', (targetType, cell, staged) => {
    expect(stagedColumn(targetType).encode(cell)).toStrictEqual(staged);
  });

  it.each([
    ['bigint', 'varchar(20)'],
    ['decimal(38,10)', 'varchar(41)'],
    ['uniqueidentifier', 'varchar(36)'],
    ['datetime2(7)', 'varchar(27)'],
    ['datetimeoffset(7)', 'varchar(37)'],
    ['varchar(20)', 'nvarchar(20)'],
    ['nvarchar(max)', 'nvarchar(max)'],
    ['xml', 'nvarchar(max)'],
  ])('of type %s are staged as %s: a row of a thousand columns is to fit, and no character to be lost', (targetType, sqlType) => {
    expect(stagedColumn(targetType).sqlType).toBe(`${sqlType} COLLATE Latin1_General_100_BIN2`);
  });

  it.each(MSSQL_TYPES.filter(({ native }) => stagedColumn(native).sqlType.startsWith('varchar')))('of type $native: every value is loaded as the bytes it has in ASCII', ({ native, values }) => {
    const { encode, bulkType } = stagedColumn(native);
    const { validate } = bulkType.type as unknown as { validate: (value: unknown) => Buffer | null };
    for (const { cell } of values) expect(validate(encode(cell))?.toString('latin1') ?? null).toBe(encode(cell));
  });

  it('of a code page is asked of the server, by the column’s own collation', () => {
    expect(stagedColumn('nvarchar(5)').misfit).toBeNull();
    expect(stagedColumn('varchar(5) COLLATE Latin1_General_CI_AS').misfit?.('s.c0')).toContain('s.c0 COLLATE Latin1_General_CI_AS');
    expect(stagedColumn('varchar(5)').misfit?.('s.c0')).toContain('COLLATE DATABASE_DEFAULT');
    expect(stagedColumn('char(5)').misfit?.('s.c0')).toContain('<> 5');
  });

  it('of a rowversion is refused: the server alone writes it', () => {
    expect(() => stagedColumn('rowversion')).toThrow(expect.objectContaining({ recovery: 'refuse' }));
  });
});

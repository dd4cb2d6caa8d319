import { typeSamples, warehouseTypeOf } from '@elstream/config';
import { ElstreamError, type Product } from '@elstream/core';
import { mssqlType, stagedColumn } from '@elstream/database';

/** What a cell of the sample type becomes on its way into a SQL Server warehouse; a text beginning with `park` for one that cannot be written. */
function staged(from: Product, native: string, cell: string): unknown {
  const column = typeSamples[from].find((sample) => sample.column.native === native)?.column;
  if (column === undefined) throw new Error(`no sample ${native}`);
  try {
    return stagedColumn(warehouseTypeOf(column, from, 'mssql', { key: false }).targetType).encode(cell);
  } catch (error) {
    if (error instanceof ElstreamError && error.recovery === 'park') return `park: ${error.message}`;
    throw error;
  }
}

describe('the types that mapping gives a SQL Server warehouse', () => {
  const all = (['postgres', 'mssql'] as const).flatMap((from) => typeSamples[from].flatMap(({ column }) => [true, false].map((key) => [from, column.native, key, warehouseTypeOf(column, from, 'mssql', { key }).targetType] as const)));

  it.each(all)('are known to its adapter: %s %s (key: %s) as %s', (...[, , , targetType]) => {
    expect(mssqlType(targetType)).toMatchObject({ name: expect.any(String) });
    expect(stagedColumn(targetType).encode(null)).toBeNull();
  });

  it.each([
    ['postgres', 'numeric(10,2)', '1.5'],
    ['postgres', 'numeric', '12345678901234567890123456789012345678901234567890.5'],
    ['postgres', 'numeric', 'NaN'],
    ['postgres', 'character varying(50)', 'a\u{1F600}'.repeat(25)],
    ['postgres', 'time without time zone', '23:59:59.999999'],
    ['postgres', 'time with time zone', '24:00:00-15:59:59'],
    ['postgres', 'timestamp without time zone', '9999-12-31 23:59:59.999999'],
    ['postgres', 'interval', '1 mon -3 days +04:05:06.789'],
    ['postgres', 'integer[]', '{1,NULL,3}'],
    ['mssql', 'datetime2(7)', '9999-12-31 23:59:59.9999999'],
    ['mssql', 'datetimeoffset(7)', '2018-07-13 01:23:45.4567891+00 +11:00'],
  ] as const)('hold %s %s %s as it is', (from, native, cell) => expect(staged(from, native, cell)).toBe(cell));

  it.each([
    ['numeric(10,2)', 'NaN'],
    ['real', 'Infinity'],
    ['double precision', 'NaN'],
    ['date', 'infinity'],
    ['date', '0044-03-15 BC'],
    ['date', '10000-01-01'],
    ['time without time zone', '24:00:00'],
    ['timestamp without time zone', '-infinity'],
    ['timestamp with time zone', '0001-01-01 00:00:00+00 BC'],
  ])('park PostgreSQL %s %s', (native, cell) => expect(staged('postgres', native, cell)).toMatch(/^park: /));

  it('hold an instant of PostgreSQL', () => {
    expect(staged('postgres', 'timestamp with time zone', '2018-07-13 01:23:45.456789+00')).toMatch(/^2018-07-13 01:23:45\.456789/);
  });
});

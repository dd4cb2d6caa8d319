import { type ColumnType } from '@elstream/core';
import { bigint, binary, cellOf, decimal, int, text, timestamp, timestamptz } from './debezium.fixture';
import { type HandlingModes, type TimePrecisionMode } from './handling';

/** Every row of debezium-contract.md 6.1: [native, type, schema, JSON value, expected cell]. */
const PLAIN: readonly [string, ColumnType, object, string, string | null][] = [
  ['bit', { kind: 'boolean' }, { type: 'boolean' }, 'true', 't'],
  ['bit', { kind: 'boolean' }, { type: 'boolean' }, 'false', 'f'],
  ['tinyint', { kind: 'integer', bits: 16 }, { type: 'int16' }, '255', '255'],
  ['smallint', { kind: 'integer', bits: 16 }, { type: 'int16' }, '-32768', '-32768'],
  ['int', int, { type: 'int32' }, '-2147483648', '-2147483648'],
  ['bigint', bigint, { type: 'int64' }, '9223372036854775807', '9223372036854775807'],
  ['bigint', bigint, { type: 'int64' }, '-9223372036854775808', '-9223372036854775808'],
  ['bigint', bigint, { type: 'int64' }, '9007199254740993', '9007199254740993'],
  ['real', { kind: 'float', bits: 32 }, { type: 'float' }, '1.1', '1.1'],
  ['real', { kind: 'float', bits: 32 }, { type: 'float' }, '3.4028235E38', '3.4028235e+38'],
  ['real', { kind: 'float', bits: 32 }, { type: 'float' }, '1.4E-45', '1e-45'],
  ['real', { kind: 'float', bits: 32 }, { type: 'float' }, '1234567.0', '1.234567e+06'],
  ['float', { kind: 'float', bits: 64 }, { type: 'double' }, '0.1', '0.1'],
  ['float', { kind: 'float', bits: 64 }, { type: 'double' }, '-0.0', '-0'],
  ['float', { kind: 'float', bits: 64 }, { type: 'double' }, '1.7976931348623157E308', '1.7976931348623157e+308'],
  ['float', { kind: 'float', bits: 64 }, { type: 'double' }, '4.9E-324', '5e-324'],
  ['float', { kind: 'float', bits: 64 }, { type: 'double' }, '1.0E15', '1e+15'],
  ['float', { kind: 'float', bits: 64 }, { type: 'double' }, '9.99999999999999E14', '999999999999999'],
  ['float', { kind: 'float', bits: 64 }, { type: 'double' }, '1.0E-4', '0.0001'],
  ['float', { kind: 'float', bits: 64 }, { type: 'double' }, '1.0E-5', '1e-05'],
  ['nchar(3)', { kind: 'text', maxLength: 3, padded: true }, { type: 'string' }, '"cc "', 'cc '],
  ['nvarchar(max)', text, { type: 'string' }, '"a\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9"', 'a"\\/\b\f\n\r\té'],
  ['nvarchar(max)', text, { type: 'string' }, '"é😀\\ud83d\\ude00"', 'é😀😀'],
  ['nvarchar(max)', text, { type: 'string' }, '""', ''],
  ['nvarchar(max)', text, { type: 'string' }, 'null', null],
  ['xml', { kind: 'other' }, { type: 'string' }, '"<a b=\\"c\\"/>"', '<a b="c"/>'],
  ['uniqueidentifier', { kind: 'uuid' }, { type: 'string' }, '"6F9619FF-8B86-D011-B42D-00C04FC964FF"', '6f9619ff-8b86-d011-b42d-00c04fc964ff'],
  ['sysname', { kind: 'text', maxLength: 128, padded: false }, { type: 'string' }, '"x"', 'x'],
  ['varbinary(max)', binary, { type: 'bytes' }, '"AQID"', '\\x010203'],
  ['varbinary(max)', binary, { type: 'bytes' }, '""', '\\x'],
  ['rowversion', binary, { type: 'bytes' }, '"AAAAAAAAB9E="', '\\x00000000000007d1'],
];

describe('SQL Server types that are no times', () => {
  it.each(PLAIN)('%s %j is read with a schema and without', (...[native, type, schema, json, expected]) => {
    expect(cellOf({ native, type }, json)).toBe(expected);
    expect(cellOf({ native, type }, json, { schema })).toBe(expected);
  });

  it.each<[HandlingModes['binary'], string, string]>([
    ['bytes', '"+/8="', '\\xfbff'],
    ['base64', '"+/8="', '\\xfbff'],
    ['base64-url-safe', '"-_8="', '\\xfbff'],
    ['base64-url-safe', '"-_8"', '\\xfbff'],
    ['hex', '"fbFF"', '\\xfbff'],
  ])('binary.handling.mode %s reads %s', (mode, json, expected) => {
    const column = { native: 'varbinary(10)', type: binary };
    expect(cellOf(column, json, { handling: { binary: mode } })).toBe(expected);
    expect(cellOf(column, json, { handling: { binary: mode }, schema: { type: mode === 'bytes' ? 'bytes' : 'string' } })).toBe(expected);
  });

  it.each<[HandlingModes['binary'], string]>([
    ['bytes', '"a"'],
    ['base64', '"-_8="'],
    ['base64-url-safe', '"+/8="'],
    ['base64', '"AQ=D"'],
    ['base64', '"AQI"'],
    ['hex', '"abc"'],
    ['hex', '"zz"'],
  ])('binary.handling.mode %s refuses %s, and says which setting to look at', (mode, json) => {
    expect(cellOf({ native: 'varbinary(10)', type: binary }, json, { handling: { binary: mode } })).toMatch(/^DEBEZIUM_VALUE: column v of dbo\.item is not .*binary\.handling\.mode/);
  });
});

const connectDecimal = (scale: number, precision: number): object => ({
  type: 'bytes',
  name: 'org.apache.kafka.connect.data.Decimal',
  version: 1,
  parameters: { scale: String(scale), 'connect.decimal.precision': String(precision) },
});

describe('decimals', () => {
  it.each<[string, number, number, string, string]>([
    ['decimal(19,4)', 19, 4, 'APb+', '6.3230'],
    ['numeric', 18, 0, '/w==', '-1'],
    ['numeric', 18, 0, 'AA==', '0'],
    ['decimal(5,3)', 5, 3, 'AA==', '0.000'],
    ['decimal(5,3)', 5, 3, '/w==', '-0.001'],
    ['money', 19, 4, 'f/////////8=', '922337203685477.5807'],
    ['money', 19, 4, 'gAAAAAAAAAA=', '-922337203685477.5808'],
    ['smallmoney', 10, 4, 'gAAAAA==', '-214748.3648'],
    ['decimal(38,0)', 38, 0, 'SztMqFqGxHoJiiI//////w==', '99999999999999999999999999999999999999'],
    ['decimal(38,38)', 38, 38, 'tMSzV6V5O4X2dd3AAAAAAQ==', '-0.99999999999999999999999999999999999999'],
  ])('%s(%i,%i) in precise mode: %s is %s', (...[native, precision, scale, base64, expected]) => {
    const column = { native, type: decimal(precision, scale) };
    expect(cellOf(column, `"${base64}"`, { schema: connectDecimal(scale, precision) })).toBe(expected);
    expect(cellOf(column, `"${base64}"`)).toBe(expected);
  });

  it('a decimal schema without a scale is refused, not guessed at', () => {
    expect(cellOf({ native: 'decimal(19,4)', type: decimal(19, 4) }, '"APb+"', { schema: { type: 'bytes', name: 'org.apache.kafka.connect.data.Decimal' } })).toMatch(/^DEBEZIUM_TYPE: column v of dbo\.item has a decimal schema without a scale/);
  });

  it('the schema, not the column, tells the scale where there is one', () => {
    expect(cellOf({ native: 'decimal(19,4)', type: decimal(19, 4) }, '"APb+"', { schema: connectDecimal(2, 19) })).toBe('632.30');
  });

  it.each([
    ['"6.3230"', '6.3230'],
    ['"-0.0001"', '-0.0001'],
    ['"99999999999999999999999999999999999999"', '99999999999999999999999999999999999999'],
    ['"NAN"', 'NaN'],
    ['"POSITIVE_INFINITY"', 'Infinity'],
    ['"NEGATIVE_INFINITY"', '-Infinity'],
  ])('string mode reads %s', (json, expected) => {
    const column = { native: 'decimal(38,4)', type: decimal(38, 4) };
    expect(cellOf(column, json, { handling: { decimal: 'string' } })).toBe(expected);
    expect(cellOf(column, json, { schema: { type: 'string' } })).toBe(expected);
  });

  it.each([
    ['6.323', '6.323'],
    ['1.0E10', '10000000000'],
    ['1.25E-7', '0.000000125'],
    ['-1.0E-3', '-0.0010'],
    ['"NaN"', 'NaN'],
    ['"-Infinity"', '-Infinity'],
  ])('double mode reads %s and writes the exponent out', (json, expected) => {
    const column = { native: 'decimal(38,4)', type: decimal(38, 4) };
    expect(cellOf(column, json, { handling: { decimal: 'double' } })).toBe(expected);
    expect(cellOf(column, json, { schema: { type: 'double' } })).toBe(expected);
  });

  it('decimal.format=NUMERIC keeps all digits', () => {
    expect(cellOf({ native: 'decimal(38,4)', type: decimal(38, 4) }, '1234567890123456789012345678901234.5678')).toBe('1234567890123456789012345678901234.5678');
  });

  it('an exponent that would fill the memory is refused', () => {
    expect(cellOf({ native: 'decimal(38,4)', type: decimal(38, 4) }, '1E999999999')).toMatch(/^DEBEZIUM_VALUE: column v of dbo\.item is a decimal with an impossible exponent/);
  });
});

const date: ColumnType = { kind: 'date' };
const time: ColumnType = { kind: 'time', zone: false };
const debezium = (name: string, type: string): object => ({ type, name: `io.debezium.time.${name}`, version: 1 });
const connect = (name: string, type: string): object => ({ type, name: `org.apache.kafka.connect.data.${name}`, version: 1 });
const DATE = debezium('Date', 'int32');
const MILLIS = debezium('Timestamp', 'int64');
const MICROS = debezium('MicroTimestamp', 'int64');
const NANOS = debezium('NanoTimestamp', 'int64');
const ISO = debezium('IsoTimestamp', 'string');
const ZONED = debezium('ZonedTimestamp', 'string');

/** Every cell of debezium-contract.md 6.3 but `structured`, and section 7: [mode, native, type, schema, JSON value, expected cell]. */
const TIMES: readonly [TimePrecisionMode, string, ColumnType, object, string, string][] = [
  ['adaptive', 'date', date, DATE, '17424', '2017-09-15'],
  ['adaptive_time_microseconds', 'date', date, DATE, '-1', '1969-12-31'],
  ['connect', 'date', date, connect('Date', 'int32'), '2932896', '9999-12-31'],
  ['microseconds', 'date', date, DATE, '-719162', '0001-01-01'],
  ['nanoseconds', 'date', date, DATE, '11016', '2000-02-29'],
  ['isostring', 'date', date, debezium('IsoDate', 'string'), '"2017-09-15Z"', '2017-09-15'],
  ['adaptive', 'time(3)', time, debezium('Time', 'int32'), '14711789', '04:05:11.789'],
  ['adaptive', 'time(6)', time, debezium('MicroTime', 'int64'), '14711789012', '04:05:11.789012'],
  ['adaptive', 'time(7)', time, debezium('NanoTime', 'int64'), '14711789012300', '04:05:11.7890123'],
  ['adaptive', 'time', time, debezium('NanoTime', 'int64'), '86399999999900', '23:59:59.9999999'],
  ['adaptive_time_microseconds', 'time(0)', time, debezium('MicroTime', 'int64'), '14711000000', '04:05:11'],
  ['adaptive_time_microseconds', 'time(7)', time, debezium('MicroTime', 'int64'), '0', '00:00:00'],
  ['connect', 'time(7)', time, connect('Time', 'int32'), '14711789', '04:05:11.789'],
  ['microseconds', 'time(7)', time, debezium('MicroTime', 'int64'), '14711789012', '04:05:11.789012'],
  ['nanoseconds', 'time(0)', time, debezium('NanoTime', 'int64'), '14711000000000', '04:05:11'],
  ['isostring', 'time(7)', time, debezium('IsoTime', 'string'), '"04:05:11.7890123Z"', '04:05:11.7890123'],
  ['isostring', 'time(7)', time, debezium('IsoTime', 'string'), '"04:05:11Z"', '04:05:11'],
  ['adaptive', 'datetime', timestamp, MILLIS, '1531481025997', '2018-07-13 11:23:45.997'],
  ['adaptive', 'smalldatetime', timestamp, MILLIS, '1531481040000', '2018-07-13 11:24:00'],
  ['adaptive', 'datetime2(3)', timestamp, MILLIS, '-62135596800000', '0001-01-01 00:00:00'],
  ['adaptive', 'datetime2(3)', timestamp, MILLIS, '253402300799999', '9999-12-31 23:59:59.999'],
  ['adaptive', 'datetime2(6)', timestamp, MICROS, '1531481025340001', '2018-07-13 11:23:45.340001'],
  ['adaptive', 'datetime2(6)', timestamp, MICROS, '253402300799999999', '9999-12-31 23:59:59.999999'],
  ['adaptive', 'datetime2(6)', timestamp, MICROS, '-1', '1969-12-31 23:59:59.999999'],
  ['adaptive', 'datetime2(7)', timestamp, NANOS, '1531481025340000000', '2018-07-13 11:23:45.34'],
  ['adaptive', 'datetime2', timestamp, NANOS, '-100', '1969-12-31 23:59:59.9999999'],
  ['adaptive', 'datetime2', timestamp, NANOS, '9223372036854775800', '2262-04-11 23:47:16.8547758'],
  ['adaptive', 'datetime2', timestamp, NANOS, '-9223372036854775800', '1677-09-21 00:12:43.1452242'],
  ['adaptive_time_microseconds', 'datetime2(7)', timestamp, NANOS, '1531481025340000100', '2018-07-13 11:23:45.3400001'],
  ['adaptive_time_microseconds', 'datetime2(4)', timestamp, MICROS, '1531481025340100', '2018-07-13 11:23:45.3401'],
  ['connect', 'datetime2(7)', timestamp, connect('Timestamp', 'int64'), '1531481025340', '2018-07-13 11:23:45.34'],
  ['microseconds', 'datetime', timestamp, MICROS, '1531481025340000', '2018-07-13 11:23:45.34'],
  ['nanoseconds', 'datetime', timestamp, NANOS, '1531481025340000000', '2018-07-13 11:23:45.34'],
  ['isostring', 'datetime', timestamp, ISO, '"2018-07-13T11:23:45Z"', '2018-07-13 11:23:45'],
  ['isostring', 'datetime2(7)', timestamp, ISO, '"9999-12-31T23:59:59.9999999Z"', '9999-12-31 23:59:59.9999999'],
  ['isostring', 'datetime2(7)', timestamp, ISO, '"0001-01-01T00:00:00.0000001Z"', '0001-01-01 00:00:00.0000001'],
  // section 7: the end of a period, in every mode
  ['adaptive', 'datetime2(7)', timestamp, NANOS, '-4852116231933722724', '9999-12-31 23:59:59.9999999'],
  ['nanoseconds', 'datetime2(6)', timestamp, NANOS, '-4852116231933723624', '9999-12-31 23:59:59.999999'],
  ['nanoseconds', 'datetime2(0)', timestamp, NANOS, '-4852116232933722624', '9999-12-31 23:59:59'],
  ['microseconds', 'datetime2(7)', timestamp, MICROS, '253402300799999999', '9999-12-31 23:59:59.9999999'],
  ['connect', 'datetime2(7)', timestamp, connect('Timestamp', 'int64'), '253402300799999', '9999-12-31 23:59:59.9999999'],
  ['connect', 'datetime2(3)', timestamp, connect('Timestamp', 'int64'), '253402300799999', '9999-12-31 23:59:59.999'],
];

const ZONED_VALUES: readonly [string, string][] = [
  ['"2018-07-13T12:23:45.456+11:00"', '2018-07-13 01:23:45.456+00'],
  ['"2018-07-13T12:23:45.4567891Z"', '2018-07-13 12:23:45.4567891+00'],
  ['"9999-12-31T23:59:59.9999999+14:00"', '9999-12-31 09:59:59.9999999+00'],
  // as the connector moves instants before 1970 and 1582 (misplaced-instant.spec.ts)
  ['"0000-12-30T00:00:00-14:00"', '0001-01-01 14:00:00+00'],
  ['"1969-12-31T23:59:59.5+00:00"', '1969-12-31 23:59:58.5+00'],
  ['"1900-01-01T00:00:01.1234567Z"', '1900-01-01 00:00:00.1234567+00'],
  ['"2018-07-13T12:23+05:30"', '2018-07-13 06:53:00+00'],
];

describe('SQL Server times', () => {
  it.each(TIMES)('%s: %s %j %j %s is %s', (...[mode, native, type, schema, json, expected]) => {
    expect(cellOf({ native, type }, json, { handling: { time: mode } })).toBe(expected);
    expect(cellOf({ native, type }, json, { schema })).toBe(expected);
  });

  const MODES: readonly TimePrecisionMode[] = ['adaptive', 'adaptive_time_microseconds', 'connect', 'isostring', 'microseconds', 'nanoseconds'];
  it.each(MODES.flatMap((mode) => ZONED_VALUES.map(([json, expected]) => [mode, json, expected] as const)))('%s: datetimeoffset %s is %s', (mode, json, expected) => {
    expect(cellOf({ native: 'datetimeoffset(7)', type: timestamptz }, json, { handling: { time: mode } })).toBe(expected);
    expect(cellOf({ native: 'datetimeoffset(7)', type: timestamptz }, json, { schema: ZONED })).toBe(expected);
  });

  const OFFSETS: readonly [string, string | null][] = [
    ['"2018-07-13T12:23:45.456+11:00"', '2018-07-13 01:23:45.456+00 +11:00'],
    ['"2018-07-13T12:23:45.4567891Z"', '2018-07-13 12:23:45.4567891+00 +00:00'],
    ['"9999-12-31T23:59:59.9999999+14:00"', '9999-12-31 09:59:59.9999999+00 +14:00'],
    ['"0000-12-30T00:00:00-14:00"', '0001-01-01 14:00:00+00 -14:00'],
    ['"2018-07-13T12:23:00-05:30"', '2018-07-13 17:53:00+00 -05:30'],
    ['null', null],
  ];
  it.each(OFFSETS)('datetimeoffset %s keeps its offset where the column does: %s', (json, expected) => {
    const column = { native: 'datetimeoffset(7)', type: { kind: 'other' } as const };
    expect(cellOf(column, json)).toBe(expected);
    expect(cellOf(column, json, { handling: { time: 'isostring' }, schema: ZONED })).toBe(expected);
  });

  it.each(['1531481025340', '"2018"', '""'])('%s is no datetimeoffset', (json) => {
    expect(cellOf({ native: 'datetimeoffset(7)', type: { kind: 'other' } }, json)).toMatch(/^DEBEZIUM_(?:TYPE|VALUE): column v of dbo\.item is /);
  });

  it('every wrapped datetime2(7) of the years 1 to 9999 comes back exactly', () => {
    const [first, last] = [-62_135_596_800_000_000_000n, 253_402_300_799_999_999_900n];
    const step = (last - first) / 4001n;
    for (let i = 0n; i <= 4001n; i++) {
      const ns = first + ((i * step) / 100n) * 100n;
      const sent = BigInt.asIntN(64, ns).toString();
      const [seconds, rest] = [ns / 1_000_000_000n, ns % 1_000_000_000n];
      const whole = rest < 0n ? seconds - 1n : seconds;
      const fraction = String(rest < 0n ? rest + 1_000_000_000n : rest).padStart(9, '0').replace(/0+$/, '');
      const clock = new Date(Number(whole) * 1000).toISOString().slice(0, 19).replace('T', ' ');
      expect(cellOf({ native: 'datetime2(7)', type: timestamp }, sent)).toBe(fraction === '' ? clock : `${clock}.${fraction}`);
    }
  });

  it.each([
    ['structured mode by schema', { schema: { type: 'struct', name: 'io.debezium.time.StructuredTimestamp', fields: [] } }, '{"year":2018}', 'time.precision.mode=isostring'],
    ['a number where a text is said', { handling: { time: 'isostring' as const } }, '1531481025340', 'time.precision.mode'],
    ['a text where a number is said', {}, '"2018-07-13T11:23:45Z"', 'time.precision.mode'],
  ])('%s is refused, naming the setting', (_what, options, json, setting) => {
    expect(cellOf({ native: 'datetime2(7)', type: timestamp }, json, options)).toContain(setting);
  });

  it.each(['86400000000001', '-1'])('%s is no time of day', (json) => {
    expect(cellOf({ native: 'time(7)', type: time }, json)).toMatch(/^DEBEZIUM_VALUE: column v of dbo\.item is no time of day/);
  });
});

describe('values that do not fit their column', () => {
  it.each<[string, ColumnType, string]>([
    ['an integer with a point', int, '1.0'],
    ['an integer as text', int, '"1"'],
    ['a wider integer', int, '2147483648'],
    ['a wider bigint', bigint, '9223372036854775808'],
    ['a number for a text', text, '1'],
    ['an object for a text', text, '{"a":[1,"}"]}'],
    ['an array for an integer', int, '[1]'],
    ['a text for a boolean', { kind: 'boolean' }, '"t"'],
    ['half of a surrogate pair', text, '"\\ud83d"'],
    ['a float beyond its bits', { kind: 'float', bits: 32 }, '1e39'],
    ['a float below its bits', { kind: 'float', bits: 64 }, '1e-400'],
    ['a uuid that is none', { kind: 'uuid' }, '"x"'],
    ['a text for a decimal', decimal(10, 2), '"?"'],
  ])('%s is poison that names the column and not the value', (_what, type, json) => {
    const reason = cellOf({ native: '', type }, json);
    expect(reason).toMatch(/^DEBEZIUM_(?:TYPE|VALUE): column v of dbo\.item /);
  });
});

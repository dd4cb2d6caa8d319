import { type ColumnType } from '@elstream/core';
import { binary, cellOf, decimal, timestamp, timestamptz } from './debezium.fixture';
import { type HandlingModes } from './handling';

const other: ColumnType = { kind: 'other' };
const debezium = (name: string, type: string, more: object = {}): object => ({ type, name: `io.debezium.${name}`, version: 1, ...more });
const connectDecimal = (scale: number): object => ({ type: 'bytes', name: 'org.apache.kafka.connect.data.Decimal', version: 1, parameters: { scale: String(scale) } });

/** JSON of Connect's Decimal: big-endian two's complement in base64. */
function unscaled(value: bigint): string {
  const digits = BigInt.asUintN(8192, value).toString(16).padStart(2048, '0');
  return JSON.stringify(Buffer.from(digits, 'hex').toString('base64'));
}

/** debezium-contract.md 6.2 to 6.5: [native, type, schema, JSON value, settings, expected]. */
const CASES: readonly [string, ColumnType, object, string, Partial<HandlingModes>, unknown][] = [
  ['jsonb', { kind: 'json' }, debezium('data.Json', 'string'), '"{\\"a\\": 12345678901234567890}"', {}, '{"a": 12345678901234567890}'],
  ['uuid', { kind: 'uuid' }, debezium('data.Uuid', 'string'), '"6f9619ff-8b86-d011-b42d-00c04fc964ff"', {}, '6f9619ff-8b86-d011-b42d-00c04fc964ff'],
  ['bytea', binary, { type: 'bytes' }, '"AQID"', {}, '\\x010203'],
  ['public.mood', other, debezium('data.Enum', 'string', { parameters: { allowed: 'sad,ok' } }), '"ok"', {}, 'ok'],
  ['inet', other, { type: 'string' }, '"10.0.0.1"', {}, '10.0.0.1'],
  ['oid', other, { type: 'int64' }, '4294967295', {}, '4294967295'],
  ['bit(1)', other, { type: 'boolean' }, 'true', {}, '1'],
  ['bit(11)', other, debezium('data.Bits', 'bytes', { parameters: { length: '11' } }), '"BQQ="', {}, '10000000101'],
  ['numeric', decimal(null, null), debezium('data.VariableScaleDecimal', 'struct', { fields: [] }), '{"scale":3,"value":"B1vNFQ=="}', {}, '123456.789'],
  ['numeric', decimal(null, null), debezium('data.VariableScaleDecimal', 'struct', { fields: [] }), '{"value":"AQ==","scale":-2}', {}, '100'],
  ['numeric', decimal(null, null), debezium('data.VariableScaleDecimal', 'struct', { fields: [] }), '{"scale":0,"value":"AA=="}', {}, '0'],
  ['numeric(5,2)', decimal(5, 2), connectDecimal(2), '"/2o="', {}, '-1.50'],
  // As the connector sends them: with 2045 zeros more.
  ['numeric(5,-3)', decimal(5, -3), connectDecimal(2045), unscaled(12_346_000n * 10n ** 2045n), {}, '12346000'],
  ['numeric(5,-3)', decimal(5, -3), connectDecimal(2045), unscaled(-1000n * 10n ** 2045n), {}, '-1000'],
  ['numeric(5,-3)', decimal(5, -3), connectDecimal(2045), '"AA=="', {}, '0'],
  ['numeric(5,-3)[]', other, { type: 'array', items: connectDecimal(2045) }, `[${unscaled(12_346_000n * 10n ** 2045n)},null]`, {}, '{12346000,NULL}'],
  ['money', other, { type: 'bytes', name: 'org.apache.kafka.connect.data.Decimal', parameters: { scale: '2' } }, '"/2o="', {}, '-$1.50'],
  ['timestamp without time zone', timestamp, debezium('time.MicroTimestamp', 'int64'), '1531481025340001', {}, '2018-07-13 11:23:45.340001'],
  ['timestamp(3) without time zone', timestamp, debezium('time.Timestamp', 'int64'), '1531481025340', {}, '2018-07-13 11:23:45.34'],
  ['timestamp without time zone', timestamp, debezium('time.MicroTimestamp', 'int64'), '9223372036825200000', {}, 'infinity'],
  ['timestamp without time zone', timestamp, debezium('time.MicroTimestamp', 'int64'), '-9223372036832400000', {}, '-infinity'],
  ['timestamp without time zone', timestamp, debezium('time.MicroTimestamp', 'int64'), '-62198755200000000', {}, '0002-01-01 00:00:00 BC'],
  ['timestamp without time zone', timestamp, debezium('time.IsoTimestamp', 'string'), '"+10000-01-01T00:00:00Z"', { time: 'isostring' }, '10000-01-01 00:00:00'],
  ['timestamp with time zone', timestamptz, debezium('time.ZonedTimestamp', 'string'), '"2018-07-13T11:23:45.340000Z"', {}, '2018-07-13 11:23:45.34+00'],
  ['timestamp with time zone', timestamptz, debezium('time.ZonedTimestamp', 'string'), '"-0043-03-15T12:00:00Z"', {}, '0044-03-15 12:00:00+00 BC'],
  ['time without time zone', { kind: 'time', zone: false }, debezium('time.MicroTime', 'int64'), '86400000000', {}, '24:00:00'],
  ['interval', other, debezium('time.Interval', 'string'), '"P1Y2M3DT4H5M6.78S"', {}, '1 year 2 mons 3 days 04:05:06.78'],
  ['interval', other, debezium('time.Interval', 'string'), '"P-1Y-2M3DT-4H-5M-6.78S"', {}, '-1 years -2 mons +3 days -04:05:06.78'],
  ['interval', other, debezium('time.Interval', 'string'), '"P0Y0M0DT0H0M0.000001S"', {}, '00:00:00.000001'],
  ['integer[]', other, { type: 'array', items: { type: 'int32' } }, '[1,null,-2147483648]', {}, '{1,NULL,-2147483648}'],
  ['text[]', other, { type: 'array', items: { type: 'string' } }, '["a","","a b","null","q\\"\\\\","é"]', {}, '{a,"","a b","null","q\\"\\\\",é}'],
  ['boolean[]', other, { type: 'array', items: { type: 'boolean' } }, '[true,false]', {}, '{t,f}'],
  ['numeric(10,2)[]', other, { type: 'array', items: { type: 'bytes', name: 'org.apache.kafka.connect.data.Decimal', parameters: { scale: '2' } } }, '["/2o="]', {}, '{-1.50}'],
  ['timestamp without time zone[]', other, { type: 'array', items: debezium('time.MicroTimestamp', 'int64') }, '[1531481025340001]', {}, '{"2018-07-13 11:23:45.340001"}'],
  ['integer[]', other, { type: 'array', items: { type: 'int32' } }, '[]', {}, '{}'],
  ['text[]', other, { type: 'array', items: { type: 'string' } }, '["__debezium_unavailable_value"]', {}, undefined],
  ['integer[]', other, { type: 'array', items: { type: 'int32' } }, JSON.stringify([...Buffer.from('__debezium_unavailable_value')]), {}, undefined],
];

describe("PostgreSQL's types", () => {
  it.each(CASES)('%s %j %j %s', (...[native, type, schema, json, handling, expected]) => {
    const options = { connector: 'postgresql' as const, handling };
    expect(cellOf({ native, type }, json, options)).toEqual(expected);
    expect(cellOf({ native, type }, json, { ...options, schema })).toEqual(expected);
  });

  it.each([
    ['interval', '93784000000', 'interval.handling.mode=string'],
    ['bit varying(5)', '"BQ=="', 'leave the column out'],
    ['hstore', '"{}"', 'leave the column out'],
    ['public.hstore', '"{}"', 'leave the column out'],
    ['time with time zone', '"08:51:02.123Z"', 'leave the column out'],
    ['interval', '"P0Y0M0DT0H0M0S"', 'dead letter'],
    ['integer[]', '[null,null]', 'dead letter'],
    ['integer[]', '[[1]]', 'leave the column out'],
  ])('%s %s is refused, with what to do', (native, json, remedy) => {
    expect(cellOf({ native, type: other }, json, { connector: 'postgresql' })).toContain(remedy);
  });

  it('digits where a struct of scale and value is due are not taken for base64', () => {
    expect(cellOf({ native: 'numeric', type: decimal(null, null) }, '"1234"', { connector: 'postgresql' })).toMatch(/^DEBEZIUM_TYPE: column v/);
  });
});

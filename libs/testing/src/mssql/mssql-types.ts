import type { Cell, ColumnType } from '@elstream/core';

/** One hard value of a SQL Server type, in the four shapes it takes on its way. */
export interface MssqlValue {
  /** T-SQL that makes it; null: none is documented to (it can be loaded in bulk). */
  readonly sql: string | null;
  /** What the driver gives where the column is selected as `selectCell` says. */
  readonly driver: unknown;
  /** How Debezium writes it in our lossless modes (isostring, string, base64). */
  readonly json: string;
  /** Its canonical text. */
  readonly cell: Cell;
}

/** A type with its hard values: the least and the greatest, and where such values are known to be mangled. NULL is one of each. */
export interface MssqlTypeRow {
  readonly native: string;
  readonly type: ColumnType;
  readonly values: readonly MssqlValue[];
}

type Value = readonly [sql: string | null, driver: unknown, json: string, cell: string];

const rows: MssqlTypeRow[] = [];

function hold(native: string, type: ColumnType, values: readonly Value[]): void {
  const named = values.map(([sql, driver, json, cell]) => ({ sql, driver, json, cell }));
  rows.push({ native, type, values: [{ sql: 'NULL', driver: null, json: 'null', cell: null }, ...named] });
}

const integer = (bits: 16 | 32 | 64): ColumnType => ({ kind: 'integer', bits });
const whole = (text: string): Value => [text, text.length > 15 ? text : Number(text), text, text];
hold('bit', { kind: 'boolean' }, [['1', true, 'true', 't'], ['0', false, 'false', 'f']]);
hold('tinyint', integer(16), ['0', '255'].map(whole));
hold('smallint', integer(16), ['-32768', '32767', '0'].map(whole));
hold('int', integer(32), ['-2147483648', '2147483647', '0', '-1'].map(whole));
// the driver gives every bigint as text
hold('bigint', integer(64), ['9223372036854775807', '9007199254740993', '-9007199254740993', '0'].map((text): Value => [text, text, text, text]));
// the literal's digits would be a decimal beyond the range of bigint, before it is negated
hold('bigint', integer(64), [["CONVERT(bigint, '-9223372036854775808')", '-9223372036854775808', '-9223372036854775808', '-9223372036854775808']]);

const decimal = (precision: number, scale: number): ColumnType => ({ kind: 'decimal', precision, scale });
const number = (text: string): Value => [text, text, `"${text}"`, text];
hold('decimal(6,3)', decimal(6, 3), ['0.000', '-0.001', '999.999', '-999.999', '1.500', '100.000'].map(number));
hold('decimal(18,0)', decimal(18, 0), ['0', '-1', '100', '999999999999999999'].map(number));
hold('decimal(38,0)', decimal(38, 0), ['99999999999999999999999999999999999999', '-99999999999999999999999999999999999999'].map(number));
hold('decimal(38,38)', decimal(38, 38), ['0.99999999999999999999999999999999999999', '-0.00000000000000000000000000000000000001'].map(number));
hold('decimal(38,10)', decimal(38, 10), ['9999999999999999999999999999.9999999999', '-0.0000000001', '1234567890123456789.1234567890'].map(number));
hold('money', decimal(19, 4), ['922337203685477.5807', '-922337203685477.5808', '0.0000', '-0.0001', '6.3230'].map(number));
hold('smallmoney', decimal(10, 4), ['214748.3647', '-214748.3648', '0.0000', '1.0000'].map(number));

const float = (bits: 32 | 64): ColumnType => ({ kind: 'float', bits });
hold('float', float(64), [
  ['0.1E0', 0.1, '0.1', '0.1'],
  ['0E0', 0, '0.0', '0'],
  [null, -0, '-0.0', '-0'],
  ['1E15', 1e15, '1.0E15', '1e+15'],
  ['1E-5', 1e-5, '1.0E-5', '1e-05'],
  ['0.30000000000000004E0', 0.30000000000000004, '0.30000000000000004', '0.30000000000000004'],
  ['1.7976931348623157E308', Number.MAX_VALUE, '1.7976931348623157E308', '1.7976931348623157e+308'],
  ['-2.2250738585072014E-308', -2.2250738585072014e-308, '-2.2250738585072014E-308', '-2.2250738585072014e-308'],
  [null, 5e-324, '4.9E-324', '5e-324'],
]);
hold('real', float(32), [
  ['1.1E0', Math.fround(1.1), '1.1', '1.1'],
  [null, -0, '-0.0', '-0'],
  ['1234567E0', 1234567, '1234567.0', '1.234567e+06'],
  ['3.4028235E38', Math.fround(3.4028235e38), '3.4028235E38', '3.4028235e+38'],
  ['-1.17549435E-38', Math.fround(-1.17549435e-38), '-1.17549435E-38', '-1.1754944e-38'],
  [null, Math.fround(1e-45), '1.4E-45', '1e-45'],
]);

const text = (maxLength: number | null, padded = false): ColumnType => ({ kind: 'text', maxLength, padded });
const quoted = (value: string): Value => [`N'${value.replaceAll("'", "''")}'`, value, JSON.stringify(value), value];
const TEXTS = ['', ' ', '  ', 'a ', 'A', 'é', 'e\u0301', '0:', "it's", 'a\tb\nc', '\u001f'];
hold('nvarchar(20)', text(20), [...TEXTS, '😀😁', 'ßẞ', '\u{10FFFF}'].map(quoted));
hold('nvarchar(max)', text(null), ['', ' ', '😀', 'x'.repeat(9000)].map(quoted));
hold('nchar(3)', text(3, true), ['cc ', '   ', 'éab'].map(quoted));
hold('varchar(20)', text(20), ['', ' ', 'a ', 'plain'].map(quoted));
hold('varchar(max)', text(null), ['', 'y'.repeat(9000)].map(quoted));
hold('char(3)', text(3, true), ['cc ', '   '].map(quoted));
hold('text', text(null), ['', 'a '].map(quoted));
hold('ntext', text(null), ['', 'é😀'].map(quoted));
hold('xml', { kind: 'other' }, [['<a b="c">1</a>', '<a b="c">1</a>'], ['', ''], ['<a/>', '<a/>']].map(([said = '', held = '']): Value => [`N'${said}'`, held, JSON.stringify(held), held]));

const bytes = (hex: string): Value => [`0x${hex}`, Buffer.from(hex, 'hex'), `"${Buffer.from(hex, 'hex').toString('base64')}"`, `\\x${hex}`];
hold('binary(4)', { kind: 'binary' }, ['00000000', 'ffffffff', '00ff1f00'].map(bytes));
hold('varbinary(10)', { kind: 'binary' }, ['', '00', '0000', 'deadbeef'].map(bytes));
hold('varbinary(max)', { kind: 'binary' }, ['', '5c78', 'ab'.repeat(9000)].map(bytes));
hold('image', { kind: 'binary' }, ['', '00ff'].map(bytes));
hold('uniqueidentifier', { kind: 'uuid' }, ['6F9619FF-8B86-D011-B42D-00C04FC964FF', '00000000-0000-0000-0000-000000000000', 'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF'].map((said): Value => [`'${said}'`, said, `"${said}"`, said.toLowerCase()]));

/** The server prints all digits of the type's fraction, Debezium and the canonical text none that are zero. */
function moment(printed: string): Value {
  const cell = printed.includes('.') ? printed.replace(/\.?0+$/, '') : printed;
  return [`'${printed.replace(' ', 'T')}'`, printed, `"${cell.replace(' ', 'T')}Z"`, cell];
}
hold('date', { kind: 'date' }, ['0001-01-01', '9999-12-31', '1900-01-01', '2024-02-29', '1582-10-10'].map(moment));
hold('time(7)', { kind: 'time', zone: false }, ['00:00:00.0000000', '23:59:59.9999999', '04:05:11.7890123', '10:20:30.1000000'].map(moment));
hold('time(0)', { kind: 'time', zone: false }, ['00:00:00', '23:59:59', '10:20:30'].map(moment));
hold('time(3)', { kind: 'time', zone: false }, ['00:00:00.000', '23:59:59.999', '04:05:11.780'].map(moment));
const timestamp: ColumnType = { kind: 'timestamp', zone: false };
hold('datetime', timestamp, ['1753-01-01 00:00:00.000', '9999-12-31 23:59:59.997', '2018-07-13 11:23:45.340', '2018-07-13 11:23:45.003', '2018-07-13 11:23:45.007', '1969-12-31 23:59:59.993'].map(moment));
hold('smalldatetime', timestamp, ['1900-01-01 00:00:00', '2079-06-06 23:59:00', '2018-07-13 11:20:00'].map(moment));
hold('datetime2(7)', timestamp, ['0001-01-01 00:00:00.0000000', '0001-01-01 00:00:00.0000001', '9999-12-31 23:59:59.9999999', '2018-07-13 11:23:45.3400000', '1969-12-31 23:59:59.5000000'].map(moment));
hold('datetime2(6)', timestamp, ['2018-07-13 11:23:45.340001', '9999-12-31 23:59:59.999999'].map(moment));
hold('datetime2(0)', timestamp, ['2018-07-13 11:23:40', '0001-01-01 00:00:00'].map(moment));

/** [local time and offset, instant as the server prints it; local time as Debezium 3.6.1 sends it where it moves it] */
function instant(local: string, offset: string, utc: string, sent = local): Value {
  const short = (printed: string): string => printed.replace(/\.?0+$/, '');
  return [`'${local} ${offset}'`, `${utc}${offset}`, `"${short(sent.replace(' ', 'T'))}${offset === '+00:00' ? 'Z' : offset}"`, `${short(utc)}+00 ${offset}`];
}
hold('datetimeoffset(7)', { kind: 'other' }, [
  instant('2018-07-13 12:23:45.4560000', '+11:00', '2018-07-13 01:23:45.4560000'),
  instant('2018-07-13 12:23:45.4567891', '+00:00', '2018-07-13 12:23:45.4567891'),
  instant('9999-12-31 23:59:59.9999999', '+14:00', '9999-12-31 09:59:59.9999999'),
  instant('0001-01-01 00:00:00.1000000', '-14:00', '0001-01-01 14:00:00.1000000', '0000-12-30 00:00:01.1000000'),
  instant('0001-01-01 00:00:00.0000000', '+00:00', '0001-01-01 00:00:00.0000000', '0000-12-30 00:00:00.0000000'),
  instant('1900-01-01 00:00:00.1234567', '+00:00', '1900-01-01 00:00:00.1234567', '1900-01-01 00:00:01.1234567'),
  instant('2018-07-13 12:23:45.1000000', '-05:30', '2018-07-13 17:53:45.1000000'),
]);

/** SQL Server's types with their hard values. A rowversion is written by the server and so is not among them. */
export const MSSQL_TYPES: readonly MssqlTypeRow[] = rows;

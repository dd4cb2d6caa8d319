/**
 * Every PostgreSQL type that is carried, with the values at its edges: the one table from which round-trip suites are
 * made. Written for the server the tests run on; values are SQL expressions, NULL is added to each by `insertTypeRows`.
 */
export interface PostgresType {
  /** Column name. */
  readonly name: string;
  /** As in CREATE TABLE at the source. */
  readonly type: string;
  /** The warehouse's type where it is not `pg_catalog.<type>`: types that exist at the source alone are carried as their text. */
  readonly carried?: string;
  readonly values: readonly string[];
  /** False: the type has no order, so no column of it can be part of a key. */
  readonly ordered?: false;
}

/** Types of the source's own: runs before `createTypesTable`. */
export const OWN_TYPES = `
  CREATE TYPE public."Mood.of day" AS ENUM ('sad', 'a b', 'c,"d\\e', 'über', 'ok');
  CREATE TYPE public.pair AS (a int4, "b c" text, d numeric[]);
  CREATE TYPE public.float_range AS RANGE (subtype = float8);
  CREATE DOMAIN public.amount AS numeric(20,4) CHECK (VALUE > -1000000);
  CREATE DOMAIN public.word AS text;
  CREATE DOMAIN public.numbers AS int4[];
  CREATE DOMAIN public.mood AS public."Mood.of day";
  CREATE DOMAIN public.padded AS char(6);`;

const MEGABYTE = 1_048_576;

/** A string literal. */
const q = (text: string): string => (text.includes('\\') ? `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'` : `'${text.replaceAll("'", "''")}'`);
const all = (...texts: string[]): string[] => texts.map(q);

const NUMBERS: readonly PostgresType[] = [
  { name: 'bool', type: 'bool', values: ['true', 'false'] },
  { name: 'int2', type: 'int2', values: all('-32768', '32767', '0') },
  { name: 'int4', type: 'int4', values: all('-2147483648', '2147483647', '0') },
  { name: 'int8', type: 'int8', values: all('-9223372036854775808', '9223372036854775807', '9007199254740993', '0') },
  {
    name: 'numeric',
    type: 'numeric',
    values: [
      ...all('NaN', 'Infinity', '-Infinity', '1.0', '1.00', '1', '0', '-0', '0.000', '1e-1000', '-12345678901234567890.12345678901234567890'),
      `('1' || repeat('9', 131071))::numeric`,
      `('0.' || repeat('0', 16382) || '7')::numeric`,
    ],
  },
  { name: 'numeric_38_10', type: 'numeric(38,10)', values: all('9999999999999999999999999999.9999999999', '-0.0000000001', '1', 'NaN') },
  { name: 'numeric_round', type: 'numeric(5,-3)', values: all('12345678', '-500') },
  { name: 'numeric_small', type: 'numeric(3,5)', values: all('0.00999', '-0.00001') },
  { name: 'float4', type: 'float4', values: all('NaN', 'Infinity', '-Infinity', '-0', '1e-45', '3.4028235e38', '0.1') },
  { name: 'float8', type: 'float8', values: all('NaN', 'Infinity', '-Infinity', '-0', '5e-324', '1.7976931348623157e308', '0.1', '0.30000000000000004') },
  { name: 'money', type: 'money', values: all('-92233720368547758.08', '92233720368547758.07', '0', '-0.01') },
  { name: 'oid', type: 'oid', values: all('0', '4294967295') },
  { name: 'pg_lsn', type: 'pg_lsn', values: all('0/0', 'FFFFFFFF/FFFFFFFF', '16/B374D848') },
  { name: 'xid8', type: 'xid8', values: all('0', '18446744073709551615') },
];

const TEXTS: readonly PostgresType[] = [
  {
    name: 'text',
    type: 'text',
    values: [
      ...all('', 'tab\tline\nreturn\rback\\slash', '\\N', '\\.', '\u0001\u0008\u000b\u000c\u001f\u007f', '𝄞 👩‍👩‍👧 \u{10FFFF}', 'e\u0301 é \ufeff \ufffd', ' blanks ', `'quoted' "twice" $1 :name {}`, 'NULL'),
      `repeat('ü', ${String(MEGABYTE / 2)})`,
    ],
  },
  { name: 'varchar', type: 'varchar(10)', values: all('', 'üüüüüüüüüü', 'trailing  ', '\\N') },
  { name: 'char', type: 'char(5)', carried: 'pg_catalog.bpchar(5)', values: all('', 'ab   ', ' ab', 'üüüüü') },
  { name: 'bpchar', type: 'bpchar', values: all('', 'ab   ', '  ') },
  { name: 'single', type: '"char"', values: all('a', '', ' ', '\\', '\\377') },
  { name: 'name', type: 'name', values: all('', 'N ä.m"e') },
  { name: 'bytea', type: 'bytea', values: [q(''), `decode('${Buffer.from(Uint8Array.from({ length: 256 }, (_, i) => i)).toString('hex')}', 'hex')`, `decode('5c4e', 'hex')`, `decode(repeat('00ff5c0a', ${String(MEGABYTE / 4)}), 'hex')`] },
  { name: 'uuid', type: 'uuid', values: all('00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff') },
  { name: 'json', type: 'json', ordered: false, values: all('{"a": 1, "a": 2,\n "b" : 12345678901234567890.12345678901234567890}', '  null ', '"\\u0000 \\ud83d\\ude00"', '[]', '1.0e0') },
  { name: 'jsonb', type: 'jsonb', values: all('12345678901234567890.123', '1.00', 'null', '""', '{"b": [1, "\\\\N", null], "a": {"é": "\\t"}}', '"{\\"looks\\": \\"encoded\\"}"') },
  { name: 'jsonpath', type: 'jsonpath', ordered: false, values: all('$.a[*] ? (@."b c" > 1)', 'strict $') },
  { name: 'xml', type: 'xml', ordered: false, carried: 'pg_catalog.text', values: all('<a b="1">&lt;é\n</a>', 'no element', '<?xml version="1.0"?><a/>', '') },
  { name: 'tsvector', type: 'tsvector', values: all('', `'a':1A,2B 'it''s':16383 'sp ace':3C 'back\\\\slash'`) },
  { name: 'tsquery', type: 'tsquery', values: all('', `'fat':AB* & ( 'rat' | !'c''at' )`, `'a' <2> ( 'b' <-> 'c' )`) },
];

const TIMES: readonly PostgresType[] = [
  { name: 'date', type: 'date', values: all('infinity', '-infinity', '4714-11-24 BC', '0001-01-01', '5874897-12-31', '2024-02-29') },
  { name: 'time', type: 'time', values: all('00:00', '24:00:00', '23:59:59.999999') },
  { name: 'time_3', type: 'time(3)', values: all('12:00:00.123456') },
  { name: 'timetz', type: 'timetz', values: all('00:00:00+15:59:59', '24:00:00-15:59:59', '12:34:56.000001+00') },
  { name: 'timestamp', type: 'timestamp', values: all('infinity', '-infinity', '4714-11-24 00:00:00 BC', '294276-12-31 23:59:59.999999', '1970-01-01 00:00:00.000001', '9999-12-31 23:59:59.999999') },
  { name: 'timestamptz', type: 'timestamptz', values: all('infinity', '-infinity', '4714-11-24 00:00:00+00 BC', '294276-12-31 23:59:59.999999+00', '2024-03-31 02:30:00.000001+02', '0099-01-01 00:00:00+00') },
  { name: 'timestamptz_0', type: 'timestamptz(0)', values: all('2024-01-01 00:00:00.5+00') },
  {
    name: 'interval',
    type: 'interval',
    values: all('infinity', '-infinity', '178000000 years', '-178000000 years', '-1 year 2 months -3 days 04:05:06.000001', '-00:00:00.000001', '1 mon', '30 days', '720:00:00', '2562047788:00:54.775807', '0'),
  },
  { name: 'interval_day', type: 'interval day to second(3)', carried: 'pg_catalog.interval', values: all('-3 days 04:05:06.789') },
];

const NETWORKS_AND_BITS: readonly PostgresType[] = [
  { name: 'inet', type: 'inet', values: all('192.168.0.1', '192.168.0.1/24', '::ffff:1.2.3.4/96', '0.0.0.0/0') },
  { name: 'cidr', type: 'cidr', values: all('10.0.0.0/8', '2001:db8::/32', '0.0.0.0/0') },
  { name: 'macaddr', type: 'macaddr', values: all('00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff') },
  { name: 'macaddr8', type: 'macaddr8', values: all('08:00:2b:01:02:03:04:05') },
  { name: 'bit', type: 'bit(9)', values: ["B'101010101'", "B'000000000'"] },
  { name: 'varbit', type: 'varbit', values: ["B''", "B'1'", "repeat('10', 300)::varbit"] },
  { name: 'varbit_5', type: 'varbit(5)', values: ["B'00000'", "B'1'"] },
  { name: 'pg_snapshot', type: 'pg_snapshot', ordered: false, values: all('10:20:10,14,15', '1:1:') },
  { name: 'txid_snapshot', type: 'txid_snapshot', ordered: false, values: all('10:20:10,14,15') },
];

const SHAPES: readonly PostgresType[] = [
  { name: 'point', type: 'point', ordered: false, values: all('(0.1,-0)', '(NaN,Infinity)', '(1e-300,1e300)') },
  { name: 'line', type: 'line', ordered: false, values: all('{1,-1,0.1}') },
  { name: 'lseg', type: 'lseg', ordered: false, values: all('[(0,0),(1,0.1)]') },
  { name: 'box', type: 'box', ordered: false, values: all('(2,2),(0,0.1)') },
  { name: 'path', type: 'path', ordered: false, values: all('[(0,0),(1,1)]', '((0,0),(1,1),(2,0.1))') },
  { name: 'polygon', type: 'polygon', ordered: false, values: all('((0,0),(1,1),(2,0.1))') },
  { name: 'circle', type: 'circle', ordered: false, values: all('<(0.1,0),5e-324>') },
  { name: 'boxes', type: 'box[]', ordered: false, values: all('{(2,2),(0,0);(3,3),(1,1)}') },
];

const RANGES_AND_ARRAYS: readonly PostgresType[] = [
  { name: 'int4range', type: 'int4range', values: all('empty', '[1,10)', '(,5)', '(,)') },
  { name: 'numrange', type: 'numrange', values: all('[1.0,1.00]', '(-Infinity,NaN)') },
  { name: 'tstzrange', type: 'tstzrange', values: all('["2020-01-01 00:00:00.000001+00",infinity]', '(,"0044-03-15 BC")') },
  { name: 'int4multirange', type: 'int4multirange', values: all('{}', '{[1,3),[5,7)}') },
  { name: 'nummultirange', type: 'nummultirange', values: all('{(,1.10),[2.0,)}') },
  { name: 'float_range', type: 'public.float_range', carried: 'pg_catalog.text', values: all('[0.1,Infinity)', 'empty') },
  { name: 'int8s', type: 'int8[]', values: all('{}', '{NULL}', '{{1,2},{3,NULL}}', '[-2:0]={9223372036854775807,0,-1}', '[0:1][5:5]={{1},{2}}') },
  { name: 'texts', type: 'text[]', values: [...all('{}', '{"",NULL,"NULL",null}', '{"a,b","c\\"d","e\\\\f"," g ","{h}","tab\t"}'), `ARRAY['\\N', E'line\\n', '𝄞']`] },
  { name: 'chars', type: 'char(3)[]', carried: 'pg_catalog.bpchar(3)[]', values: all('{a,"b ",NULL}') },
  { name: 'numerics', type: 'numeric(10,2)[]', values: all('{1,NaN,-0.005}') },
  { name: 'byteas', type: 'bytea[]', values: [`ARRAY['\\x00ff'::bytea, '']`] },
  { name: 'jsons', type: 'jsonb[]', values: [`ARRAY['{"a": "b\\"c"}'::jsonb, 'null', NULL]`] },
  { name: 'times', type: 'timestamptz[]', values: all('{infinity,"2024-01-01 00:00:00.000001+00",NULL}') },
  { name: 'int2vector', type: 'int2vector', ordered: false, values: all('', '1 2 -3') },
  { name: 'oidvector', type: 'oidvector', values: all('', '1 4294967295') },
];

/** Types of the source's own: enum, domain, composite. */
const OWN: readonly PostgresType[] = [
  { name: 'enum', type: 'public."Mood.of day"', carried: 'pg_catalog.text', values: all('sad', 'c,"d\\e', 'a b', 'über') },
  { name: 'enums', type: 'public."Mood.of day"[]', carried: 'pg_catalog.text[]', values: all('{}', '{sad,NULL,"a b","c,\\"d\\\\e"}') },
  { name: 'domain_numeric', type: 'public.amount', carried: 'pg_catalog.numeric(20,4)', values: all('1.5', 'NaN', '-0.0001') },
  { name: 'domain_text', type: 'public.word', carried: 'pg_catalog.text', values: all('', '\\N', 'w ') },
  { name: 'domain_array', type: 'public.numbers', carried: 'pg_catalog.int4[]', values: all('{}', '[3:4]={1,NULL}') },
  { name: 'domain_enum', type: 'public.mood', carried: 'pg_catalog.text', values: all('ok', 'a b') },
  { name: 'domain_char', type: 'public.padded', carried: 'pg_catalog.bpchar(6)', values: all('ab', '') },
  { name: 'domain_domains', type: 'public.amount[]', carried: 'pg_catalog.numeric(20,4)[]', values: all('{1.5,NULL}') },
  { name: 'composite', type: 'public.pair', carried: 'pg_catalog.text', values: [`ROW(NULL, NULL, NULL)`, `ROW(1, E'a,"b"\\\\\\n', '{1.0,NaN}')`, `ROW(-1, '', '{}')`] },
  { name: 'composites', type: 'public.pair[]', carried: 'pg_catalog.text', values: [`ARRAY[ROW(1, 'x y', NULL)::public.pair, NULL]`] },
];

export const POSTGRES_TYPES: readonly PostgresType[] = [...NUMBERS, ...TEXTS, ...TIMES, ...NETWORKS_AND_BITS, ...SHAPES, ...RANGES_AND_ARRAYS, ...OWN];

/** Rows of `insertTypeRows`: the most values any type has, and one row of NULLs. */
export const TYPE_ROWS = Math.max(...POSTGRES_TYPES.map((t) => t.values.length)) + 1;

const column = (type: PostgresType): string => `"${type.name}"`;

/** `table` (as written in SQL) with a column per type beside `id`. */
export function createTypesTable(table: string, types: readonly PostgresType[] = POSTGRES_TYPES): string {
  return `CREATE TABLE ${table} (id int8 PRIMARY KEY, ${types.map((t) => `${column(t)} ${t.type}`).join(', ')})`;
}

/** One INSERT per row: row `i` holds the i-th value of each type, NULL where it has no more; the last row NULL alone. */
export function insertTypeRows(table: string, types: readonly PostgresType[] = POSTGRES_TYPES): string[] {
  return Array.from({ length: TYPE_ROWS }, (_, i) => `INSERT INTO ${table} VALUES (${[String(i + 1), ...types.map((t) => t.values[i] ?? 'NULL')].join(', ')})`);
}

/** An UPDATE that gives every column of every row the value of the row after it, so that each value replaces another. */
export function rotateTypeRows(table: string, types: readonly PostgresType[] = POSTGRES_TYPES): string {
  return `UPDATE ${table} AS t SET ${types.map((t) => `${column(t)} = n.${column(t)}`).join(', ')} FROM ${table} AS n WHERE n.id = t.id % ${String(TYPE_ROWS)} + 1`;
}

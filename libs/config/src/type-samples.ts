import type { ColumnSchema, ColumnType, Product } from '@elstream/core';

/** One type, or a family of them, as the page of types shows it and its test holds it. */
export interface TypeSample {
  /** As the source's catalog describes a column of it. */
  readonly column: ColumnSchema;
  /** What else is to be known of its values; empty: nothing. */
  readonly note: string;
}

const sample = (native: string, type: ColumnType, portable: string, note = ''): TypeSample => ({ column: { name: 'c', native, type, portable, nullable: true }, note });

const text = (maxLength: number | null, padded = false): ColumnType => ({ kind: 'text', maxLength, padded });
const decimal = (precision: number | null, scale: number | null): ColumnType => ({ kind: 'decimal', precision, scale });
const BINARY: ColumnType = { kind: 'binary' };
const WALL: ColumnType = { kind: 'timestamp', zone: false };
const TIME: ColumnType = { kind: 'time', zone: false };
const OTHER: ColumnType = { kind: 'other' };

const ROUNDS = 'cut to microseconds by an explicit `columns.type` alone';

/** Types of SQL Server, each with the type a SQL Server warehouse gets. */
export const MSSQL_SAMPLES: readonly TypeSample[] = [
  sample('bit', { kind: 'boolean' }, 'bit'),
  sample('tinyint', { kind: 'integer', bits: 16 }, 'tinyint'),
  sample('smallint', { kind: 'integer', bits: 16 }, 'smallint'),
  sample('int', { kind: 'integer', bits: 32 }, 'int', 'an identity column is a plain number in the warehouse'),
  sample('bigint', { kind: 'integer', bits: 64 }, 'bigint'),
  sample('decimal(19,4)', decimal(19, 4), 'decimal(19,4)'),
  sample('numeric(38,0)', decimal(38, 0), 'numeric(38,0)'),
  sample('money', decimal(19, 4), 'money'),
  sample('smallmoney', decimal(10, 4), 'smallmoney'),
  sample('real', { kind: 'float', bits: 32 }, 'real', '`float(1)` to `float(24)` are this type'),
  sample('float', { kind: 'float', bits: 64 }, 'float', '`float(25)` to `float(53)` are this type'),
  sample('char(10)', text(10, true), 'nvarchar(10)', 'blanks at the end are kept'),
  sample('varchar(50)', text(50), 'nvarchar(50)', "the warehouse's code page may lack characters of the source's"),
  sample('varchar(8000)', text(8000), 'nvarchar(max)'),
  sample('varchar(max)', text(null), 'nvarchar(max)'),
  sample('nchar(10)', text(10, true), 'nchar(10)', 'blanks at the end are kept'),
  sample('nvarchar(50)', text(50), 'nvarchar(50)'),
  sample('nvarchar(max)', text(null), 'nvarchar(max)'),
  sample('sysname', text(128), 'nvarchar(128)', 'as every alias type: the type it stands for'),
  sample('text', text(null), 'nvarchar(max)'),
  sample('ntext', text(null), 'nvarchar(max)'),
  sample('binary(16)', BINARY, 'binary(16)'),
  sample('varbinary(50)', BINARY, 'varbinary(50)'),
  sample('varbinary(max)', BINARY, 'varbinary(max)'),
  sample('image', BINARY, 'varbinary(max)'),
  sample('rowversion', BINARY, 'binary(8)', 'also spelled `timestamp`; the number of the source, no new one'),
  sample('uniqueidentifier', { kind: 'uuid' }, 'uniqueidentifier', 'the products sort it otherwise: a table with such a key is compared as one range across products'),
  sample('date', { kind: 'date' }, 'date'),
  sample('time(3)', TIME, 'time(3)'),
  sample('time(7)', TIME, 'time(7)', `on PostgreSQL as \`04:05:11.7890123\`; ${ROUNDS}: \`time\``),
  sample('smalldatetime', WALL, 'smalldatetime'),
  sample('datetime', WALL, 'datetime', 'ticks of 1/300 of a second, shown with three digits'),
  sample('datetime2(3)', WALL, 'datetime2(3)'),
  sample('datetime2(7)', WALL, 'datetime2(7)', `on PostgreSQL as \`2018-07-13 11:23:45.3400001\`; ${ROUNDS}: \`timestamp\``),
  sample('datetimeoffset(7)', OTHER, 'datetimeoffset(7)', 'on PostgreSQL as the instant in UTC, then the offset: `2018-07-13 01:23:45.456+00 +11:00`; the instant alone, in microseconds, by an explicit `columns.type`: `timestamptz`'),
  sample('xml', OTHER, 'nvarchar(max)', 'the text as the server gives it'),
];

/** Types of SQL Server that are refused by name when a pipeline is planned: leave such a column out by `columns.exclude`. */
export const MSSQL_REFUSED: readonly (readonly [type: string, why: string])[] = [
  ['sql_variant', 'its values have types of their own, which change events do not carry'],
  ['geometry, geography, hierarchyid', 'change events do not carry them'],
  ['other CLR types', 'change events do not carry them'],
  ['json, vector', 'change events do not carry them'],
];

/** Types of PostgreSQL, each with the type a PostgreSQL warehouse gets. */
export const POSTGRES_SAMPLES: readonly TypeSample[] = [
  sample('boolean', { kind: 'boolean' }, 'pg_catalog.bool'),
  sample('smallint', { kind: 'integer', bits: 16 }, 'pg_catalog.int2'),
  sample('integer', { kind: 'integer', bits: 32 }, 'pg_catalog.int4'),
  sample('bigint', { kind: 'integer', bits: 64 }, 'pg_catalog.int8'),
  sample('numeric(10,2)', decimal(10, 2), 'pg_catalog.numeric(10,2)'),
  sample('numeric(50,10)', decimal(50, 10), 'pg_catalog.numeric(50,10)', 'SQL Server has 38 digits; such a column cannot be in a key there'),
  sample('numeric(5,-2)', decimal(5, -2), 'pg_catalog.numeric(5,-2)', 'likewise'),
  sample('numeric', decimal(null, null), 'pg_catalog.numeric', 'likewise'),
  sample('real', { kind: 'float', bits: 32 }, 'pg_catalog.float4'),
  sample('double precision', { kind: 'float', bits: 64 }, 'pg_catalog.float8'),
  sample('character(10)', text(10, true), 'pg_catalog.bpchar(10)', 'blanks at the end are kept; a character beyond the BMP counts twice on SQL Server'),
  sample('character varying(50)', text(50), 'pg_catalog.varchar(50)', 'a character beyond the BMP counts twice on SQL Server'),
  sample('character varying(2001)', text(2001), 'pg_catalog.varchar(2001)'),
  sample('text', text(null), 'pg_catalog.text'),
  sample('bytea', BINARY, 'pg_catalog.bytea'),
  sample('uuid', { kind: 'uuid' }, 'pg_catalog.uuid', 'the products sort it otherwise: a table with such a key is compared as one range across products'),
  sample('date', { kind: 'date' }, 'pg_catalog.date'),
  sample('time without time zone', TIME, 'pg_catalog.time'),
  sample('time with time zone', { kind: 'time', zone: true }, 'pg_catalog.timetz', 'refused where changes come through Kafka'),
  sample('timestamp(3) without time zone', WALL, 'pg_catalog.timestamp(3)'),
  sample('timestamp without time zone', WALL, 'pg_catalog.timestamp'),
  sample('timestamp with time zone', { kind: 'timestamp', zone: true }, 'pg_catalog.timestamptz', 'always in UTC: PostgreSQL keeps no offset'),
  sample('json', { kind: 'json' }, 'pg_catalog.json'),
  sample('jsonb', { kind: 'json' }, 'pg_catalog.jsonb'),
  sample('xml', OTHER, 'pg_catalog.text'),
  sample('integer[]', OTHER, 'pg_catalog.int4[]', "PostgreSQL's text of the array, as of every array"),
  sample('interval', OTHER, 'pg_catalog.interval'),
  sample('inet', OTHER, 'pg_catalog.inet', 'as every type not named here'),
  sample('public.mood', OTHER, 'pg_catalog.text', 'an enum, domain over one, composite or type of an extension: its text'),
];

/** By the product of the source. */
export const typeSamples: Readonly<Record<Product, readonly TypeSample[]>> = { postgres: POSTGRES_SAMPLES, mssql: MSSQL_SAMPLES };

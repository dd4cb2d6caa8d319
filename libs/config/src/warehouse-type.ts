import { bareType, type ColumnSchema, type Product } from '@elstream/core';

/** The type of a warehouse column, where no setting gives another. */
export interface WarehouseType {
  /** In the warehouse's own spelling. */
  readonly targetType: string;
  /** Values of the source's type that it cannot hold and that become dead letters, for people; null: it holds every one. */
  readonly parks: string | null;
}

/** Characters of nvarchar(n); longer ones are nvarchar(max). */
const MAX_NVARCHAR = 4000;
/** 900 bytes, the most of a key that a clustered index of SQL Server takes, in UTF-16 units and in bytes. */
const MAX_KEY_CHARACTERS = 450;
const MAX_KEY_BYTES = 900;
/** Digits of SQL Server's decimal. */
const MAX_DIGITS = 38;
/** Digits of a fraction of a second that PostgreSQL holds. */
const POSTGRES_FRACTION = 6;
/** And SQL Server, which is also what a type without a number means there. */
const MSSQL_FRACTION = 7;

/**
 * The warehouse type that holds every value of a source column, or parks the few it cannot (R1, R7): never rounds, never cuts.
 * Where no type of the other product holds them, it is a text that sorts as the source does. Pure. What the source cannot
 * deliver (`sql_variant`, `geography` …) is refused by the source and never comes here.
 *
 * @param use `key`: the column belongs to the key
 */
export function warehouseTypeOf(column: ColumnSchema, from: Product, to: Product, use: { readonly key: boolean }): WarehouseType {
  if (from === to) return holdsAll(column.portable);
  return to === 'mssql' ? onMssql(column, use.key) : onDatabase(column);
}

/**
 * Why a column cannot belong to the key of a table on the other product; null: it can. Numbers kept as texts could not: `1.0`
 * and `1.00` are one key at the source and two texts.
 */
export function keyRefusal(column: ColumnSchema, from: Product, to: Product): string | null {
  if (from === to || column.type.kind !== 'decimal') return null;
  return to === 'mssql' && decimalOf(column) === null ? `is ${column.native}, for which SQL Server has no number (at most ${MAX_DIGITS} digits, of a fixed scale), and as text equal numbers would be different keys; name another key by tables.settings[].key, or give it a precision at the source` : null;
}

/** The type of a column masked by a hash: 64 hex digits. */
export function hashType(to: Product): string {
  return to === 'mssql' ? 'nvarchar(64)' : 'text';
}

const holdsAll = (targetType: string): WarehouseType => ({ targetType, parks: null });

function onMssql(column: ColumnSchema, key: boolean): WarehouseType {
  const { type } = column;
  const text = holdsAll(key ? `nvarchar(${MAX_KEY_CHARACTERS})` : 'nvarchar(max)');
  switch (type.kind) {
    case 'boolean':
      return holdsAll('bit');
    case 'integer':
      return holdsAll(INTEGERS[type.bits].mssql);
    case 'decimal':
      return decimalOf(column) ?? text;
    case 'float':
      return { targetType: type.bits === 32 ? 'real' : 'float(53)', parks: 'NaN, infinities' };
    case 'text':
      return textOnMssql(type.maxLength, key);
    case 'binary':
      return key ? { targetType: `varbinary(${MAX_KEY_BYTES})`, parks: `more than ${MAX_KEY_BYTES} bytes` } : holdsAll('varbinary(max)');
    case 'uuid':
      return holdsAll('uniqueidentifier');
    case 'date':
      return { targetType: 'date', parks: OUTSIDE };
    case 'time':
      return type.zone ? holdsAll('nvarchar(50)') : { targetType: `time(${fraction(column, POSTGRES_FRACTION)})`, parks: '24:00:00' };
    case 'timestamp':
      return { targetType: `${type.zone ? 'datetimeoffset' : 'datetime2'}(${fraction(column, POSTGRES_FRACTION)})`, parks: OUTSIDE };
    case 'json':
    case 'other':
      return key ? { ...text, parks: TOO_LONG } : text;
  }
  return type satisfies never;
}

const OUTSIDE = 'years before 1 and after 9999, infinities';
const TOO_LONG = `more than ${MAX_KEY_CHARACTERS} UTF-16 units, a second key that differs in blanks at the end only`;

/** PostgreSQL counts characters, nvarchar UTF-16 units, of which a character beyond the BMP has two. */
function textOnMssql(maxLength: number | null, key: boolean): WarehouseType {
  const units = maxLength === null ? Infinity : 2 * maxLength;
  if (key) return { targetType: `nvarchar(${Math.min(units, MAX_KEY_CHARACTERS)})`, parks: units <= MAX_KEY_CHARACTERS ? BLANKS : TOO_LONG };
  return holdsAll(units <= MAX_NVARCHAR ? `nvarchar(${units})` : 'nvarchar(max)');
}

const BLANKS = 'a second key that differs in blanks at the end only';

function decimalOf({ type }: ColumnSchema): WarehouseType | null {
  if (type.kind !== 'decimal') return null;
  const { precision, scale } = type;
  if (precision === null || scale === null || precision > MAX_DIGITS || scale < 0 || scale > precision) return null;
  return { targetType: `decimal(${precision},${scale})`, parks: 'NaN' };
}

const INTEGERS = {
  16: { mssql: 'smallint', postgres: 'pg_catalog.int2' },
  32: { mssql: 'int', postgres: 'pg_catalog.int4' },
  64: { mssql: 'bigint', postgres: 'pg_catalog.int8' },
} as const;

/** Types are spelled as the catalog of a PostgreSQL source spells them: meaning the same under every search_path. */
const TEXT = 'pg_catalog.text';

function onDatabase(column: ColumnSchema): WarehouseType {
  const { type } = column;
  switch (type.kind) {
    case 'boolean':
      return holdsAll('pg_catalog.bool');
    case 'integer':
      return holdsAll(INTEGERS[type.bits].postgres);
    case 'decimal':
      return holdsAll(type.precision === null ? 'pg_catalog.numeric' : `pg_catalog.numeric(${type.precision},${type.scale ?? 0})`);
    case 'float':
      return holdsAll(type.bits === 32 ? 'pg_catalog.float4' : 'pg_catalog.float8');
    case 'text':
      // char(n) too: PostgreSQL's would lose its blanks in every cast and comparison.
      return { targetType: TEXT, parks: 'U+0000, half a surrogate pair' };
    case 'binary':
      return holdsAll('pg_catalog.bytea');
    case 'uuid':
      return holdsAll('pg_catalog.uuid');
    case 'date':
      return holdsAll('pg_catalog.date');
    case 'time':
    case 'timestamp':
      return holdsAll(timeOnPostgres(column));
    case 'json':
    case 'other':
      return holdsAll(TEXT);
  }
  return type satisfies never;
}

/** PostgreSQL has microseconds: what has 100 ns is kept as its canonical text, which sorts as the source does. */
function timeOnPostgres(column: ColumnSchema): string {
  const { type } = column;
  const digits = fraction(column, MSSQL_FRACTION);
  if (digits > POSTGRES_FRACTION || (type.kind === 'time' && type.zone)) return TEXT;
  if (type.kind === 'time') return `pg_catalog.time(${digits})`;
  return `pg_catalog.${type.kind === 'timestamp' && type.zone ? 'timestamptz' : 'timestamp'}(${digits})`;
}

/** Digits after the second. SQL Server's `datetime` counts ticks of 1/300 of a second, of which it shows three digits. */
function fraction({ portable }: ColumnSchema, byDefault: number): number {
  const type = bareType(portable);
  if (/^datetime$/i.test(type)) return 3;
  if (/^smalldatetime$/i.test(type)) return 0;
  const digits = /\((\d+)\)/.exec(type)?.[1];
  return digits === undefined ? byDefault : Number(digits);
}

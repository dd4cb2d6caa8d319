import { bareType, isHeldAsItsKind, type ColumnSchema, type ColumnType, type Product } from '@elstream/core';
import { hashType } from './warehouse-type';

/**
 * What may stand as a column type: words, one modifier list, array brackets. It goes into DDL as it is. What a product
 * makes of it is `typeProblem`'s.
 */
export const TYPE_NAME = /^[a-z_][\w ]*(?:\.[a-z_]\w*)?(?:\s*\(\s*(?:max|\d+(?:\s*,\s*-?\d+)?)\s*\))?[a-z ]*(?:\[\])*$/i;

interface SpelledType {
  readonly base: string;
  /** What stands in the parentheses; empty: there are none. */
  readonly modifiers: readonly string[];
}

/** `Decimal( 20 , 4)` → base `decimal`, modifiers 20 and 4. */
function spelled(type: string): SpelledType {
  const parts = /^([^(]*?)\s*(?:\(([^)]*)\))?\s*$/.exec(type.trim().replace(/\s+/g, ' ').toLowerCase());
  return { base: parts?.[1] ?? type, modifiers: parts?.[2] === undefined ? [] : parts[2].split(',').map((modifier) => modifier.trim()) };
}

const within = (least: number, most: number) => (modifier: string | undefined): boolean => /^\d+$/.test(modifier ?? '') && Number(modifier) >= least && Number(modifier) <= most;
const none = ({ modifiers }: SpelledType): boolean => modifiers.length === 0;
const noneOr = (least: number, most: number) => (type: SpelledType): boolean => none(type) || (type.modifiers.length === 1 && within(least, most)(type.modifiers[0]));
const length = (most: number, max: boolean) => ({ modifiers: [given, ...more] }: SpelledType): boolean => more.length === 0 && ((max && given === 'max') || within(1, most)(given));
const digits = ({ modifiers: [precision, scale = '0', ...more] }: SpelledType): boolean => more.length === 0 && within(1, 38)(precision) && within(0, Number(precision))(scale);

/** Types a column of a SQL Server warehouse may be given, and how each is written. */
const MSSQL_TYPES: Readonly<Record<string, { readonly form: string; readonly fits: (type: SpelledType) => boolean }>> = {
  bit: { form: 'bit', fits: none },
  tinyint: { form: 'tinyint', fits: none },
  smallint: { form: 'smallint', fits: none },
  int: { form: 'int', fits: none },
  bigint: { form: 'bigint', fits: none },
  decimal: { form: 'decimal(precision,scale), at most 38 digits', fits: digits },
  numeric: { form: 'numeric(precision,scale), at most 38 digits', fits: digits },
  money: { form: 'money', fits: none },
  smallmoney: { form: 'smallmoney', fits: none },
  real: { form: 'real', fits: none },
  float: { form: 'float(1 to 53)', fits: noneOr(1, 53) },
  char: { form: 'char(1 to 8000)', fits: length(8000, false) },
  varchar: { form: 'varchar(1 to 8000) or varchar(max)', fits: length(8000, true) },
  nchar: { form: 'nchar(1 to 4000)', fits: length(4000, false) },
  nvarchar: { form: 'nvarchar(1 to 4000) or nvarchar(max)', fits: length(4000, true) },
  binary: { form: 'binary(1 to 8000)', fits: length(8000, false) },
  varbinary: { form: 'varbinary(1 to 8000) or varbinary(max)', fits: length(8000, true) },
  uniqueidentifier: { form: 'uniqueidentifier', fits: none },
  date: { form: 'date', fits: none },
  time: { form: 'time(0 to 7)', fits: noneOr(0, 7) },
  datetime: { form: 'datetime', fits: none },
  smalldatetime: { form: 'smalldatetime', fits: none },
  datetime2: { form: 'datetime2(0 to 7)', fits: noneOr(0, 7) },
  datetimeoffset: { form: 'datetimeoffset(0 to 7)', fits: noneOr(0, 7) },
};

/** What to write instead on SQL Server: names of PostgreSQL, and SQL Server's own that a warehouse does not use. */
const ON_MSSQL: Readonly<Record<string, string>> = {
  text: 'nvarchar(max)',
  ntext: 'nvarchar(max)',
  xml: 'nvarchar(max)',
  json: 'nvarchar(max)',
  jsonb: 'nvarchar(max)',
  'character varying': 'nvarchar(n)',
  character: 'nchar(n)',
  bytea: 'varbinary(max)',
  image: 'varbinary(max)',
  rowversion: 'binary(8)',
  bool: 'bit',
  boolean: 'bit',
  int2: 'smallint',
  int4: 'int',
  integer: 'int',
  int8: 'bigint',
  dec: 'decimal(precision,scale)',
  float4: 'real',
  float8: 'float(53)',
  'double precision': 'float(53)',
  uuid: 'uniqueidentifier',
  timestamp: 'datetime2(6)',
  'timestamp without time zone': 'datetime2(6)',
  timestamptz: 'datetimeoffset(6)',
  'timestamp with time zone': 'datetimeoffset(6)',
  timetz: 'nvarchar(50)',
  interval: 'nvarchar(50)',
};

/** SQL Server's names that PostgreSQL does not know, and what to write there. (Those that mean something there are not among them.) */
const ON_POSTGRES: Readonly<Record<string, string>> = {
  nvarchar: 'text',
  ntext: 'text',
  tinyint: 'smallint',
  smallmoney: 'numeric(10,4)',
  varbinary: 'bytea',
  binary: 'bytea',
  image: 'bytea',
  rowversion: 'bytea',
  uniqueidentifier: 'uuid',
  datetime: 'timestamp(3)',
  smalldatetime: 'timestamp(0)',
  datetime2: 'timestamp(6)',
  datetimeoffset: 'timestamptz',
  sql_variant: 'text',
  hierarchyid: 'text',
};

/** Why the warehouse takes no column of this type, as far as its name tells, with the remedy; null: nothing is known against it. */
export function typeProblem(wanted: string, to: Product): string | null {
  const type = spelled(bareType(wanted));
  if (to === 'postgres') {
    const instead = Object.hasOwn(ON_POSTGRES, type.base) ? ON_POSTGRES[type.base] : type.modifiers[0] === 'max' ? 'text' : undefined;
    return instead === undefined ? null : `is a type of SQL Server, while the warehouse is PostgreSQL; write ${instead}`;
  }
  const known = Object.hasOwn(MSSQL_TYPES, type.base) ? MSSQL_TYPES[type.base] : undefined;
  if (known !== undefined) return known.fits(type) ? null : `must be written as ${known.form}`;
  const instead = Object.hasOwn(ON_MSSQL, type.base) ? ON_MSSQL[type.base] : undefined;
  return `is no type of a column in a SQL Server warehouse; write ${instead ?? 'one such as nvarchar(200), decimal(20,4) or datetime2(7)'}`;
}

/** True if the type holds a keyed hash. */
export function isHashType(type: string, to: Product): boolean {
  if (to === 'postgres') return /^\s*text\s*$/i.test(type);
  const { base, modifiers } = spelled(type);
  return base === 'nvarchar' && modifiers.length === 1 && (modifiers[0] === 'max' || Number(modifiers[0]) >= hashDigits);
}

const hashDigits = Number(/\d+/.exec(hashType('mssql'))?.[0]);

/** The type as it goes into the mapping: of SQL Server, one spelling for each. */
export function spellType(wanted: string, to: Product): string {
  if (to === 'postgres') return wanted;
  const { base, modifiers } = spelled(wanted);
  return modifiers.length === 0 ? base : `${base}(${modifiers.join(',')})`;
}

const INSTANT: ColumnType = { kind: 'timestamp', zone: true };
const INSTANTS = { postgres: /^(?:timestamptz(?: ?\(\d\))?|timestamp(?: ?\(\d\))? with time zone)$/, mssql: /^datetimeoffset\b/ } as const;
const WALL_CLOCKS = { postgres: /^timestamp(?: ?\(\d\))?(?: without time zone)?$/, mssql: /^(?:datetime2|datetime|smalldatetime)\b/ } as const;

interface Between {
  readonly from: Product;
  readonly to: Product;
}

/**
 * How the values of a column are carried that a setting gives a type; a text: why they cannot be, with the remedy. Asked where
 * a time with its offset is given a type without one, or the other way round, or a float of SQL Server, at either side,
 * stands beside another type: such values never compare equal, or not at all.
 *
 * `datetimeoffset` is carried as instant and offset; a PostgreSQL warehouse that is told `timestamptz` keeps the instant alone.
 */
export function typeForSetting(column: ColumnSchema, wanted: string, between: Between): ColumnType | string {
  if (between.from === 'postgres' && between.to === 'postgres') return column.type;
  const intoFloat = between.to === 'mssql' && /^(?:float|real)$/.test(spelled(wanted).base);
  if (column.type.kind === 'float' && (between.from === 'mssql' || intoFloat)) return floatForSetting(column.type, wanted, between.to);
  if (intoFloat) return `would be a float in the warehouse, of which SQL Server writes no exact text, so that it could not be compared with ${column.native}; write decimal(precision,scale) or nvarchar(50), or remove the type`;
  return timeForSetting(column, wanted, between);
}

/** Checksums of another type could not be made inside SQL Server, whichever side it is. */
function floatForSetting(type: Extract<ColumnType, { kind: 'float' }>, wanted: string, to: Product): ColumnType | string {
  if (isHeldAsItsKind({ type, targetType: spellType(wanted, to) })) return type;
  const own = { 32: { mssql: 'real', postgres: 'float4' }, 64: { mssql: 'float(53)', postgres: 'float8' } } as const;
  return `is a float, of which SQL Server writes no exact text, so that it could not be compared with ${wanted}; write ${own[type.bits][to]}, or remove the type`;
}

function timeForSetting({ type, portable }: ColumnSchema, wanted: string, { from, to }: Between): ColumnType | string {
  const target = bareType(wanted).toLowerCase();
  const withOffset = from === 'mssql' && /^datetimeoffset\b/i.test(bareType(portable));
  if (withOffset && to === 'postgres' && INSTANTS.postgres.test(target)) return INSTANT;
  const isInstant = withOffset || (type.kind === 'timestamp' && type.zone);
  if (!isInstant && type.kind !== 'timestamp' && type.kind !== 'date') return type;
  if (!(isInstant ? WALL_CLOCKS : INSTANTS)[to].test(target)) return type;
  const instead = isInstant ? { mssql: 'datetimeoffset(7)', postgres: 'timestamptz, which keeps the instant and not the offset,' } : { mssql: 'datetime2(7)', postgres: 'timestamp(6)' };
  return `holds ${isInstant ? 'instants' : 'times of no zone'}, which ${wanted} would move; write ${instead[to]} or a text type`;
}

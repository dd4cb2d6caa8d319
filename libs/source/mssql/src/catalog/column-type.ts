import { type ColumnType } from '@elstream/core';

/** A column's type as the catalog has it, alias types resolved to what they stand for. */
export interface CatalogType {
  /** Name of the base type in sys.types; of a CLR type its own. */
  readonly base: string;
  /** Bytes; -1: max. */
  readonly maxLength: number;
  readonly precision: number;
  readonly scale: number;
}

/**
 * Name of a column's type, over `sys.types` by user type (`u`) and by system type (`b`): an alias type by what it stands for,
 * a type of the system by its own name, as newer ones are kept in the storage of older ones.
 */
export const BASE_TYPE = 'CASE WHEN u.is_user_defined = 0 THEN u.name ELSE COALESCE(b.name, u.name) END';

/** How values of a type are carried, or the reason why they are not. */
export interface TypeDescription {
  readonly type: ColumnType;
  /** The type's spelling, alias types resolved, without collation. */
  readonly native: string;
  /** The column type of a SQL Server warehouse that holds every value. */
  readonly portable: string;
  readonly refusal: string | null;
}

/** Characters of nvarchar(n); longer ones are nvarchar(max). */
const MAX_UNICODE = 4000;

const SIZED: ReadonlySet<string> = new Set(['char', 'varchar', 'binary', 'varbinary']);
const SIZED_UNICODE: ReadonlySet<string> = new Set(['nchar', 'nvarchar']);
const NUMERIC: ReadonlySet<string> = new Set(['decimal', 'numeric']);
const FRACTIONAL: ReadonlySet<string> = new Set(['time', 'datetime2', 'datetimeoffset']);

/** Why no values of these types are carried: neither capture nor the connector delivers them so that they can be told apart again. */
const REFUSED: Readonly<Record<string, string>> = {
  sql_variant: 'its values have types of their own, which change events do not carry',
  geometry: 'change events do not carry it',
  geography: 'change events do not carry it',
  hierarchyid: 'change events do not carry it',
  vector: 'change events do not carry it',
  json: 'change events do not carry it',
};

export function describeType(found: CatalogType): TypeDescription {
  // an alias type that a server may give as a type of its own
  const held = found.base === 'sysname' ? { ...found, base: 'nvarchar' } : found;
  const native = spelling(held);
  const refusal = Object.hasOwn(REFUSED, held.base) ? REFUSED[held.base] : undefined;
  const type = refusal === undefined ? kindOf(held) : null;
  if (type === null) return { type: { kind: 'other' }, native, portable: 'nvarchar(max)', refusal: refusal ?? `${held.base} is a type of a CLR assembly, or one that elstream does not know` };
  return { type, native, portable: portable(held, native), refusal: null };
}

function spelling({ base, maxLength, precision, scale }: CatalogType): string {
  const size = (bytes: number): string => (maxLength < 0 ? 'max' : String(maxLength / bytes));
  if (SIZED.has(base)) return `${base}(${size(1)})`;
  if (SIZED_UNICODE.has(base)) return `${base}(${size(2)})`;
  if (NUMERIC.has(base)) return `${base}(${String(precision)},${String(scale)})`;
  if (FRACTIONAL.has(base)) return `${base}(${String(scale)})`;
  // sys.types calls it by its old name, which means something else everywhere but here
  return base === 'timestamp' ? 'rowversion' : base;
}

const KINDS: Readonly<Record<string, ColumnType>> = {
  bit: { kind: 'boolean' },
  tinyint: { kind: 'integer', bits: 16 },
  smallint: { kind: 'integer', bits: 16 },
  int: { kind: 'integer', bits: 32 },
  bigint: { kind: 'integer', bits: 64 },
  money: { kind: 'decimal', precision: 19, scale: 4 },
  smallmoney: { kind: 'decimal', precision: 10, scale: 4 },
  real: { kind: 'float', bits: 32 },
  float: { kind: 'float', bits: 64 },
  text: { kind: 'text', maxLength: null, padded: false },
  ntext: { kind: 'text', maxLength: null, padded: false },
  binary: { kind: 'binary' },
  varbinary: { kind: 'binary' },
  image: { kind: 'binary' },
  timestamp: { kind: 'binary' },
  uniqueidentifier: { kind: 'uuid' },
  date: { kind: 'date' },
  time: { kind: 'time', zone: false },
  datetime: { kind: 'timestamp', zone: false },
  smalldatetime: { kind: 'timestamp', zone: false },
  datetime2: { kind: 'timestamp', zone: false },
  // an instant and the offset it was written at: only by an explicit setting the offset is given up
  datetimeoffset: { kind: 'other' },
  xml: { kind: 'other' },
};

function kindOf({ base, maxLength, precision, scale }: CatalogType): ColumnType | null {
  if (NUMERIC.has(base)) return { kind: 'decimal', precision, scale };
  const bytes = base.startsWith('n') ? 2 : 1;
  if (/^n?(?:var)?char$/.test(base)) return { kind: 'text', maxLength: maxLength < 0 ? null : maxLength / bytes, padded: !base.includes('var') };
  return Object.hasOwn(KINDS, base) ? (KINDS[base] ?? null) : null;
}

function portable({ base, maxLength }: CatalogType, native: string): string {
  switch (base) {
    case 'char':
    case 'varchar':
      // The warehouse's code page may lack characters of this one's. n bytes are at most n UTF-16 units in every code page.
      return maxLength < 0 || maxLength > MAX_UNICODE ? 'nvarchar(max)' : `nvarchar(${String(maxLength)})`;
    case 'text':
    case 'ntext':
    case 'xml':
      // an xml column would give its texts back written anew
      return 'nvarchar(max)';
    case 'image':
      return 'varbinary(max)';
    case 'timestamp':
      return 'binary(8)';
    default:
      return native;
  }
}

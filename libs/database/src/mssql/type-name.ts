import { ElstreamError } from '@elstream/core';

/** What a SQL Server type holds; lengths in UTF-16 units (unicode) or bytes (else), null: `max`. */
export type MssqlShape =
  | { readonly of: 'bit' }
  | { readonly of: 'integer'; readonly min: bigint; readonly max: bigint }
  | { readonly of: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly of: 'money'; readonly max: bigint }
  | { readonly of: 'float'; readonly bits: 32 | 64 }
  | { readonly of: 'text'; readonly unicode: boolean; readonly padded: boolean; readonly length: number | null }
  | { readonly of: 'binary'; readonly fixed: boolean; readonly length: number | null }
  | { readonly of: 'rowversion' }
  | { readonly of: 'uuid' }
  | { readonly of: 'date' }
  | { readonly of: 'time'; readonly scale: number }
  | { readonly of: 'datetime' }
  | { readonly of: 'smalldatetime' }
  | { readonly of: 'datetime2'; readonly scale: number }
  | { readonly of: 'datetimeoffset'; readonly scale: number }
  | { readonly of: 'xml' };

export type MssqlType = MssqlShape & {
  /** The type spelled anew from what was understood, never the text given (R10). */
  readonly name: string;
  /** The collation said with it. */
  readonly collation: string | null;
};

const SPELLING = /^([a-z0-9]+(?: [a-z]+)*)\s*(?:\(\s*(max|\d{1,4})\s*(?:,\s*(\d{1,2})\s*)?\))?(?:\s+collate\s+([a-z0-9_]+))?$/i;

const SYNONYMS: Readonly<Record<string, string>> = {
  integer: 'int',
  dec: 'decimal',
  numeric: 'decimal',
  'double precision': 'float',
  character: 'char',
  'char varying': 'varchar',
  'character varying': 'varchar',
  'national char': 'nchar',
  'national character': 'nchar',
  'national char varying': 'nvarchar',
  'national character varying': 'nvarchar',
  'national text': 'ntext',
  'binary varying': 'varbinary',
  timestamp: 'rowversion',
};

interface Said {
  readonly length: string | undefined;
  readonly scale: string | undefined;
}

/** By base name; null: the numbers in parentheses do not fit it. */
const SHAPES: Readonly<Record<string, (said: Said) => (MssqlShape & { readonly name: string }) | null>> = {
  bit: bare('bit', { of: 'bit' }),
  tinyint: bare('tinyint', { of: 'integer', min: 0n, max: 255n }),
  smallint: bare('smallint', { of: 'integer', min: -(1n << 15n), max: (1n << 15n) - 1n }),
  int: bare('int', { of: 'integer', min: -(1n << 31n), max: (1n << 31n) - 1n }),
  bigint: bare('bigint', { of: 'integer', min: -(1n << 63n), max: (1n << 63n) - 1n }),
  decimal: ({ length, scale }) => {
    const [p, s] = [numberOf(length ?? '18'), numberOf(scale ?? '0')];
    return !(p >= 1 && p <= 38 && s <= p) ? null : { of: 'decimal', precision: p, scale: s, name: `decimal(${String(p)},${String(s)})` };
  },
  money: bare('money', { of: 'money', max: (1n << 63n) - 1n }),
  smallmoney: bare('smallmoney', { of: 'money', max: (1n << 31n) - 1n }),
  real: bare('real', { of: 'float', bits: 32 }),
  float: ({ length, scale }) => {
    const bits = numberOf(length ?? '53');
    if (scale !== undefined || !(bits >= 1 && bits <= 53)) return null;
    return bits <= 24 ? { of: 'float', bits: 32, name: 'real' } : { of: 'float', bits: 64, name: 'float' };
  },
  char: sized('char', 8000, (length) => ({ of: 'text', unicode: false, padded: true, length })),
  varchar: sized('varchar', 8000, (length) => ({ of: 'text', unicode: false, padded: false, length })),
  nchar: sized('nchar', 4000, (length) => ({ of: 'text', unicode: true, padded: true, length })),
  nvarchar: sized('nvarchar', 4000, (length) => ({ of: 'text', unicode: true, padded: false, length })),
  sysname: ({ length }) => (length === undefined ? { of: 'text', unicode: true, padded: false, length: 128, name: 'nvarchar(128)' } : null),
  text: bare('text', { of: 'text', unicode: false, padded: false, length: null }),
  ntext: bare('ntext', { of: 'text', unicode: true, padded: false, length: null }),
  binary: sized('binary', 8000, (length) => ({ of: 'binary', fixed: true, length })),
  varbinary: sized('varbinary', 8000, (length) => ({ of: 'binary', fixed: false, length })),
  image: bare('image', { of: 'binary', fixed: false, length: null }),
  rowversion: bare('rowversion', { of: 'rowversion' }),
  uniqueidentifier: bare('uniqueidentifier', { of: 'uuid' }),
  date: bare('date', { of: 'date' }),
  datetime: bare('datetime', { of: 'datetime' }),
  smalldatetime: bare('smalldatetime', { of: 'smalldatetime' }),
  time: fractional('time', (scale) => ({ of: 'time', scale })),
  datetime2: fractional('datetime2', (scale) => ({ of: 'datetime2', scale })),
  datetimeoffset: fractional('datetimeoffset', (scale) => ({ of: 'datetimeoffset', scale })),
  xml: bare('xml', { of: 'xml' }),
};

const known = new Map<string, MssqlType | null>();

/**
 * A type's spelling, with its collation where that is said (`varchar(20) COLLATE Latin1_General_CI_AS`); synonyms of the
 * standard are understood. Null: none that elstream carries (sql_variant, geometry, geography, hierarchyid, vector, json,
 * types of one's own: alias types have to be resolved before).
 */
export function knownMssqlType(spelling: string): MssqlType | null {
  let type = known.get(spelling);
  if (type === undefined) {
    type = understood(spelling);
    // spellings come from catalogs and files: a handful
    if (known.size < 10_000) known.set(spelling, type);
  }
  return type;
}

/** @throws ElstreamError (refuse) where `knownMssqlType` gives null */
export function mssqlType(spelling: string): MssqlType {
  const type = knownMssqlType(spelling);
  if (type === null) throw new ElstreamError('TYPE_UNSUPPORTED', 'refuse', `SQL Server's type ${JSON.stringify(spelling)} cannot be carried; leave the column out by columns.exclude, or choose another type by columns.type`);
  return type;
}

function understood(spelling: string): MssqlType | null {
  const [, base = '', length, scale, collation = null] = SPELLING.exec(spelling.trim().replace(/\s+/g, ' ')) ?? [];
  const name = base.toLowerCase();
  const canonical = SYNONYMS[name] ?? name;
  const shape = Object.hasOwn(SHAPES, canonical) ? SHAPES[canonical]?.({ length: length?.toLowerCase(), scale }) : null;
  if (shape === null || shape === undefined) return null;
  return collation !== null && shape.of !== 'text' ? null : { ...shape, collation };
}

function bare(name: string, shape: MssqlShape): (said: Said) => (MssqlShape & { readonly name: string }) | null {
  return ({ length }) => (length === undefined ? { ...shape, name } : null);
}

function sized(name: string, most: number, shape: (length: number | null) => MssqlShape): (said: Said) => (MssqlShape & { readonly name: string }) | null {
  return ({ length, scale }) => {
    if (scale !== undefined) return null;
    // nothing said is 1, as in a column's declaration (in CONVERT it would be 30)
    const said = length === 'max' ? null : numberOf(length ?? '1');
    if (said === null ? !name.includes('var') : said < 1 || said > most) return null;
    return { ...shape(said), name: `${name}(${said === null ? 'max' : String(said)})` };
  };
}

function fractional(name: string, shape: (scale: number) => MssqlShape): (said: Said) => (MssqlShape & { readonly name: string }) | null {
  return ({ length, scale }) => {
    const digits = numberOf(length ?? '7');
    return scale !== undefined || !(digits <= 7) ? null : { ...shape(digits), name: `${name}(${String(digits)})` };
  };
}

/** NaN for `max`, so that ranges are asked for, never what lies outside them. */
const numberOf = (digits: string): number => Number(digits);

import { type ColumnType } from '@elstream/core';

/** A column's type with its domains resolved; for an array, its element's (domains of elements are resolved too). */
export interface ResolvedType {
  readonly schema: string;
  readonly name: string;
  /** pg_type.typtype: b base, c composite, e enum, m multirange, p pseudo, r range. Never d. */
  readonly typtype: string;
  /** pg_attribute.atttypmod or the domain's; -1: none. */
  readonly typmod: number;
  readonly array: boolean;
  /** An array whose elements are a domain over an array: has no spelling without the domain. */
  readonly nested: boolean;
}

/** How values of a type are carried, or the reason why they are not. */
export type TypeDescription =
  | { readonly type: ColumnType; readonly portable: string; readonly refusal: null }
  | { readonly type: ColumnType; readonly portable: string; readonly refusal: string };

const TEXT = 'pg_catalog.text';
const OTHER: ColumnType = { kind: 'other' };

/**
 * Types of pg_catalog carried as text: without input function, or whose input depends on the server (role names, xml
 * parsing). Their text form is exact.
 */
const AS_TEXT: ReadonlySet<string> = new Set([
  'xml',
  'aclitem',
  'gtsvector',
  'pg_node_tree',
  'pg_ndistinct',
  'pg_dependencies',
  'pg_mcv_list',
  'pg_brin_bloom_summary',
  'pg_brin_minmax_multi_summary',
  'pg_ddl_command',
]);

/** Neutral type, and the warehouse column type in a spelling that means the same under every search_path. */
export function describeType(resolved: ResolvedType): TypeDescription {
  const builtIn = resolved.schema === 'pg_catalog';
  if (resolved.typtype === 'p') return refused(`the pseudo type ${resolved.name} has no values of its own`);
  if (builtIn && resolved.name.startsWith('reg')) {
    return refused(`values of ${resolved.name} are names that mean something in this one database only`);
  }
  if (resolved.nested) return { type: OTHER, portable: TEXT, refusal: null };
  const suffix = resolved.array ? '[]' : '';
  if (resolved.typtype === 'e') return { type: OTHER, portable: `${TEXT}${suffix}`, refusal: null };
  if (!builtIn || !['b', 'r', 'm'].includes(resolved.typtype) || AS_TEXT.has(resolved.name)) {
    return { type: OTHER, portable: TEXT, refusal: null };
  }
  const modifier = typmodText(resolved.name, resolved.typmod);
  const name = resolved.name === 'char' ? '"char"' : resolved.name;
  return {
    type: resolved.array ? OTHER : neutralType(resolved.name, resolved.typmod),
    portable: `pg_catalog.${name}${modifier}${suffix}`,
    refusal: null,
  };
}

function refused(refusal: string): TypeDescription {
  return { type: OTHER, portable: TEXT, refusal };
}

function numericParts(typmod: number): { readonly precision: number; readonly scale: number } | null {
  if (typmod < 4) return null;
  const packed = typmod - 4;
  // 11 bits, signed, since PostgreSQL 15; before, scales were 0..1000, which those bits hold as well
  return { precision: (packed >> 16) & 0xffff, scale: ((packed & 0x7ff) ^ 0x400) - 0x400 };
}

function typmodText(name: string, typmod: number): string {
  if (typmod < 0) return '';
  switch (name) {
    case 'numeric': {
      const parts = numericParts(typmod);
      return parts === null ? '' : `(${parts.precision},${parts.scale})`;
    }
    case 'bpchar':
    case 'varchar':
      return `(${typmod - 4})`;
    case 'bit':
    case 'varbit':
    case 'time':
    case 'timetz':
    case 'timestamp':
    case 'timestamptz':
      return `(${typmod})`;
    default:
      // interval: its fields and precision have no qualified spelling; an unrestricted interval holds every value
      return '';
  }
}

const NEUTRAL: Readonly<Record<string, ColumnType>> = {
  bool: { kind: 'boolean' },
  int2: { kind: 'integer', bits: 16 },
  int4: { kind: 'integer', bits: 32 },
  int8: { kind: 'integer', bits: 64 },
  float4: { kind: 'float', bits: 32 },
  float8: { kind: 'float', bits: 64 },
  text: { kind: 'text', maxLength: null, padded: false },
  name: { kind: 'text', maxLength: null, padded: false },
  bytea: { kind: 'binary' },
  uuid: { kind: 'uuid' },
  date: { kind: 'date' },
  time: { kind: 'time', zone: false },
  timetz: { kind: 'time', zone: true },
  timestamp: { kind: 'timestamp', zone: false },
  timestamptz: { kind: 'timestamp', zone: true },
  json: { kind: 'json' },
  jsonb: { kind: 'json' },
};

function neutralType(name: string, typmod: number): ColumnType {
  switch (name) {
    case 'numeric':
      return { kind: 'decimal', ...(numericParts(typmod) ?? { precision: null, scale: null }) };
    case 'varchar':
    case 'bpchar':
      return { kind: 'text', maxLength: typmod < 4 ? null : typmod - 4, padded: name === 'bpchar' };
    default:
      return NEUTRAL[name] ?? OTHER;
  }
}

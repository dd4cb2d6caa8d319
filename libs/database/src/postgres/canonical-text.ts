import type { ColumnType, MappedColumn } from '@elstream/core';

/**
 * How a column's values are written in the canonical text (docs/canonical-text.md). `output`: the type's own output
 * under the canonical session settings, which is what rows travel as.
 */
export type CanonicalForm = 'decimal' | 'float' | 'binary' | 'output';

/** Warehouse types that hold a kind as a kind, not as its text. */
const HOLDS: { readonly [K in ColumnType['kind']]?: RegExp } = {
  decimal: /^(numeric|decimal)$/,
  binary: /^bytea$/,
};
const FLOATS = { 32: /^(float4|real)$/, 64: /^(float8|double precision)$/ };

/**
 * Both sides of a column are written in the same form, so it is chosen from the mapping alone. A number kept as text
 * in the warehouse (by configuration) is compared as the text it was carried as.
 */
export function canonicalForm(column: MappedColumn): CanonicalForm {
  const target = bareType(column.targetType);
  const { type } = column;
  switch (type.kind) {
    case 'float':
      return FLOATS[type.bits].test(target) ? 'float' : 'output';
    case 'decimal':
    case 'binary':
      return HOLDS[type.kind]?.test(target) === true ? type.kind : 'output';
    case 'boolean':
    case 'integer':
    case 'text':
    case 'uuid':
    case 'date':
    case 'time':
    case 'timestamp':
    case 'json':
    case 'other':
      return 'output';
  }
  return type satisfies never;
}

/** `pg_catalog.numeric(20, 4)` → `numeric`; arrays keep their brackets. */
function bareType(type: string): string {
  return type.toLowerCase().replace(/^\s*pg_catalog\./, '').replace(/\(.*?\)/, '').replace(/\s+/g, ' ').trim();
}

/** Types whose cast to text is their output function, NULL for NULL. Not `char(n)`, `boolean`, `inet`, `cidr`, `"char"`: theirs differs. */
const CAST_IS_OUTPUT = /^(text|varchar|character varying|int[248]|smallint|integer|bigint|uuid|date|time(stamp)?(tz| with time zone| without time zone)?)$/;

/** The type a kind has at the source, where a cast to text may be used for it. */
function castableKind(type: ColumnType): boolean {
  switch (type.kind) {
    case 'text':
      return !type.padded;
    case 'integer':
    case 'uuid':
    case 'date':
    case 'time':
    case 'timestamp':
      return true;
    case 'boolean':
    case 'decimal':
    case 'float':
    case 'binary':
    case 'json':
    case 'other':
      return false;
  }
  return type satisfies never;
}

export type Side = 'source' | 'target';

/**
 * SQL of a value's canonical text, NULL for NULL. `value` is the column itself, at the source perhaps a domain, an enum
 * or a type of an extension.
 */
export function canonicalTextSql(column: MappedColumn, side: Side, value: string): string {
  const form = canonicalForm(column);
  switch (form) {
    case 'decimal':
      return `trim_scale(${value})::text`;
    case 'float': {
      const bits = column.type.kind === 'float' && column.type.bits === 32 ? 'float4' : 'float8';
      // NaNs have many bit patterns (arithmetic sets their sign), all of them equal to the server
      return `CASE WHEN ${value} = 'NaN' THEN 'nan' ELSE encode(${bits}send(${value}), 'hex') END`;
    }
    case 'binary':
      return `encode(${value}, 'hex')`;
    case 'output':
      if (side === 'source' ? castableKind(column.type) : CAST_IS_OUTPUT.test(bareType(column.targetType))) return `${value}::text`;
      // concat() calls output functions. IS NULL would be true of a composite whose fields are all NULL.
      return `CASE WHEN ${value} IS DISTINCT FROM NULL THEN concat(${value}) END`;
  }
  return form satisfies never;
}

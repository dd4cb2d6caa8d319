import type { ColumnType } from './column-type';
import type { MappedColumn } from './table';

/**
 * Warehouse types, in the spelling of either product, that hold a value of the kind as such and not as its text. Names
 * that mean two things (SQL Server's `timestamp`, PostgreSQL's `bit`) are never a target of the other kind: mapping refuses them.
 */
const HOLDS: Readonly<Record<Exclude<ColumnType['kind'], 'float' | 'text' | 'other'>, RegExp>> = {
  boolean: /^(?:bool(?:ean)?|bit)$/i,
  integer: /^(?:int[248]|tinyint|smallint|int(?:eger)?|bigint)$/i,
  decimal: /^(?:(?:numeric|decimal)(?:\s*\([^)]*\))?|(?:small)?money)$/i,
  binary: /^(?:bytea|(?:var)?binary(?:\s*\([^)]*\))?)$/i,
  uuid: /^(?:uuid|uniqueidentifier)$/i,
  date: /^date$/i,
  time: /^(?:time|timetz)(?:\s*\(\d+\))?(?: with(?:out)? time zone)?$/i,
  timestamp: /^(?:(?:timestamp|timestamptz)(?:\s*\(\d+\))?(?: with(?:out)? time zone)?|(?:datetime2|datetimeoffset)(?:\s*\(\d+\))?|(?:small)?datetime)$/i,
  json: /^jsonb?$/i,
};

const FLOATS = {
  32: /^(?:float4|real|float\s*\((?:[1-9]|1\d|2[0-4])\))$/i,
  64: /^(?:float8|double precision|float(?:\s*\((?:2[5-9]|[34]\d|5[0-3])\))?)$/i,
} as const;

/** A warehouse type without the schema that PostgreSQL's own types may be spelled with. */
export function bareType(targetType: string): string {
  return targetType.trim().replace(/^pg_catalog\./i, '');
}

/**
 * True if the warehouse column is of the kind of its values, so that both sides write them in the kind's own canonical form
 * (docs/canonical-text.md: *plain*). False where it holds their text: then they are compared as that. Always false for texts
 * and for types we do not know.
 */
export function isHeldAsItsKind({ type, targetType }: Pick<MappedColumn, 'type' | 'targetType'>): boolean {
  const target = bareType(targetType);
  switch (type.kind) {
    case 'text':
    case 'other':
      return false;
    case 'float':
      return FLOATS[type.bits].test(target);
    default:
      return HOLDS[type.kind].test(target);
  }
}

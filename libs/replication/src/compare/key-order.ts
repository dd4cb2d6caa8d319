import type { ColumnType, MappedColumn, TableMapping } from '@elstream/core';

/** Warehouse types that order values as the source orders those of the kind. Kinds without an entry may be ordered otherwise (collations, types of extensions). */
const SAME_ORDER: Readonly<Partial<Record<ColumnType['kind'], RegExp>>> = {
  boolean: /^bool(?:ean)?$/i,
  integer: /^(?:smallint|int(?:eger)?|bigint|int[248]|(?:numeric|decimal)\b.*)$/i,
  decimal: /^(?:numeric|decimal)\b/i,
  binary: /^bytea$/i,
  uuid: /^uuid$/i,
  date: /^date$/i,
  timestamp: /^timestamp/i,
};
const WITH_ZONE = /with time zone|timestamptz/i;

/**
 * True if a range of the table's keys holds the same rows on both sides. Where it is false a table is compared as one
 * range: the same two texts can stand in the other order under the other side's collation.
 */
export function ordersKeysAlike(mapping: TableMapping): boolean {
  return mapping.key.every((index) => {
    const column = mapping.columns[index];
    return column !== undefined && ordersAlike(column);
  });
}

function ordersAlike({ type, targetType }: MappedColumn): boolean {
  const target = targetType.trim().replace(/^pg_catalog\./i, '');
  if (SAME_ORDER[type.kind]?.test(target) !== true) return false;
  return type.kind !== 'timestamp' || type.zone === WITH_ZONE.test(target);
}

import { bareType, type ColumnType, type MappedColumn, type TableMapping } from '@elstream/core';

/** Warehouse types, of either product, that order values as the source orders those of the kind. Kinds without an entry may be ordered otherwise (collations, types of extensions). */
const SAME_ORDER: Readonly<Partial<Record<ColumnType['kind'], RegExp>>> = {
  boolean: /^(?:bool(?:ean)?|bit)$/i,
  integer: /^(?:tinyint|smallint|int(?:eger)?|bigint|int[248]|(?:numeric|decimal)\b.*)$/i,
  decimal: /^(?:numeric|decimal)\b/i,
  date: /^date$/i,
  timestamp: /^(?:timestamp|datetime|smalldatetime)/i,
};
const WITH_ZONE = /with time zone|timestamptz|datetimeoffset/i;

/**
 * Types ordered alike only within one product: SQL Server compares a GUID from its last bytes, and holds bytes that differ in
 * zeros at the end for equal.
 */
const OF_ONE_PRODUCT: readonly (readonly [kind: ColumnType['kind'], native: RegExp, target: RegExp])[] = [
  ['uuid', /^uuid$/i, /^uuid$/i],
  ['uuid', /^uniqueidentifier$/i, /^uniqueidentifier$/i],
  ['binary', /^bytea$/i, /^bytea$/i],
  ['binary', /^(?:(?:var)?binary\b.*|timestamp|rowversion)$/i, /^(?:var)?binary\b/i],
];

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

function ordersAlike({ type, targetType, native }: MappedColumn): boolean {
  const target = bareType(targetType);
  const within = OF_ONE_PRODUCT.filter(([kind]) => kind === type.kind);
  // Mappings without the source's spelling are of a release that knew PostgreSQL only.
  if (within.length > 0) return within.some(([, source, warehouse]) => warehouse.test(target) && (native === undefined ? source.test(target) : source.test(bareType(native))));
  if (SAME_ORDER[type.kind]?.test(target) !== true) return false;
  return type.kind !== 'timestamp' || type.zone === WITH_ZONE.test(target);
}

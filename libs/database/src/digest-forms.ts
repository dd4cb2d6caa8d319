import { isHeldAsItsKind, type BucketChecksum, type BucketChoice, type MappedColumn, type TableMapping } from '@elstream/core';

/** What both products' digests share (docs/canonical-text.md): the decisions, which depend on the mapping alone. */
export interface DigestTable {
  readonly mapping: TableMapping;
  /** Names and types of the columns: the mapping's source or its target. */
  readonly side: 'source' | 'target';
  /** What follows FROM, conditions included; the table's alias is `t`. */
  readonly from: string;
}

/**
 * How a cell is written whose text is never empty and never holds the separator, in which it ends (*plain*): as it is
 * printed, or in the form that is equal for equal values; `free`: any text, with its length before it.
 */
export type CellForm = 'raw' | 'float4' | 'float8' | 'decimal' | 'free';

export interface DigestedCell {
  readonly form: CellForm;
  /** Masked to NULL at the source, and not read there. The warehouse's column is: a clear value left in it is a difference. */
  readonly hidden: boolean;
}

/**
 * The form of a column's cells, the same on both sides and for all products: plain where the warehouse column is of the kind
 * as well (`isHeldAsItsKind` knows the types of both). Throws RangeError for a hashed column.
 */
export function digestedCell(column: MappedColumn, side: DigestTable['side']): DigestedCell {
  if (column.mask?.kind === 'hash') throw new RangeError(`column ${column.source} is hashed outside the database; its table is compared row by row`);
  return { form: formOf(column), hidden: column.mask?.kind === 'null' && side === 'source' };
}

function formOf(column: MappedColumn): CellForm {
  if (!isHeldAsItsKind(column)) return 'free';
  switch (column.type.kind) {
    case 'float':
      return column.type.bits === 32 ? 'float4' : 'float8';
    case 'decimal':
      return 'decimal';
    default:
      // control characters stand escaped in a JSON text
      return 'raw';
  }
}

/** Modulus and multiplier of the smallest standard generator: a product fits 63 bits, so every product computes it alike. */
export const KEY_MODULUS = 2_147_483_647;
export const KEY_MULTIPLIER = 1_583_458_089;

/** Index of the column whose number alone decides a row's bucket; null: the key's digest does. */
export function integerKey(mapping: TableMapping): number | null {
  const [index = -1, ...others] = mapping.key;
  const column = mapping.columns[index];
  if (column === undefined) throw new RangeError(`key index ${String(index)} of ${mapping.id} is out of range`);
  return others.length === 0 && column.type.kind === 'integer' && formOf(column) === 'raw' ? index : null;
}

const MAX_BUCKETS = 2 ** 32;

/** Throws RangeError for an impossible number. */
export function bucketCount(buckets: number): number {
  if (!Number.isSafeInteger(buckets) || buckets < 1 || buckets > MAX_BUCKETS) throw new RangeError(`the number of buckets must be whole and between 1 and 2^32: ${String(buckets)}`);
  return buckets;
}

/** Throws RangeError for impossible buckets. */
export function bucketChoice({ of, which }: BucketChoice): BucketChoice {
  bucketCount(of);
  if (!which.every((bucket) => Number.isSafeInteger(bucket) && bucket >= 0 && bucket < of)) throw new RangeError(`buckets must be whole numbers below ${String(of)}`);
  return { of, which };
}

/** Bucket, rows and the two sums, as the server gives them. */
export function bucketChecksum([bucket, rows, high, low]: readonly unknown[]): BucketChecksum {
  return { bucket: Number(bucket), rows: Number(rows), checksum: half(high) + half(low) };
}

/** The server sums signed 64-bit numbers exactly; modulo 2^64 that is the sum of the unsigned ones. */
function half(sum: unknown): string {
  return BigInt.asUintN(64, BigInt(String(sum ?? '0'))).toString(16).padStart(16, '0');
}

/** `concat(…)` of any number of parts, nested where a function takes fewer. */
export function concatenation(parts: readonly string[], most: number, concat: (parts: readonly string[]) => string): string {
  if (parts.length <= most) return concat(parts);
  const groups: string[] = [];
  for (let at = 0; at < parts.length; at += most) groups.push(concat(parts.slice(at, at + most)));
  return concatenation(groups, most, concat);
}

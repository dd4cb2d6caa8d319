import type { ValidationRecord, ValidationScope } from '@elstream/control';
import { ElstreamError, type ColumnType, type KeyRange, type TableMapping } from '@elstream/core';

/** Random number from 0 to below 1. */
type Random = () => number;
type Key = readonly string[];

export function scopeName(scope: ValidationScope): ValidationRecord['scope'] {
  if (scope.range !== undefined) return 'range';
  if (scope.changed === true) return 'changed';
  return scope.samplePercent === undefined ? 'full' : 'sample';
}

/** About `percent` of the ranges, each as likely as any other, in their order; at least one. */
export function sampleOf<T>(ranges: readonly T[], percent: number, random: Random = Math.random): T[] {
  const wanted = Math.min(ranges.length, Math.max(1, Math.round((ranges.length * percent) / 100)));
  const chosen: T[] = [];
  ranges.forEach((range, i) => {
    if (random() * (ranges.length - i) < wanted - chosen.length) chosen.push(range);
  });
  return chosen;
}

/**
 * What two ranges have in common, null: nothing.
 *
 * @throws ElstreamError `RANGE_INVALID` (refuse) for a bound that is no value of its key column
 */
export function commonRange(mapping: TableMapping, a: KeyRange, b: KeyRange): KeyRange | null {
  const later = (x: Key | null, y: Key | null): Key | null => (x === null ? y : y === null || compareKeys(mapping, x, y) >= 0 ? x : y);
  const earlier = (x: Key | null, y: Key | null): Key | null => (x === null ? y : y === null || compareKeys(mapping, x, y) <= 0 ? x : y);
  const common = { from: later(a.from, b.from), to: earlier(a.to, b.to) };
  return common.from !== null && common.to !== null && compareKeys(mapping, common.from, common.to) >= 0 ? null : common;
}

/** Order of two keys, as both databases order keys of `ordersKeysAlike`. Throws `RANGE_INVALID`. */
export function compareKeys(mapping: TableMapping, a: Key, b: Key): number {
  for (const [i, index] of mapping.key.entries()) {
    const column = mapping.columns[index];
    if (column === undefined) throw new RangeError(`key index ${String(index)} of ${mapping.id} is out of range`);
    const [x, y] = [a, b].map((key) => orderOf(column.type, key[i]));
    if (x === undefined || y === undefined || x === null || y === null || a.length !== mapping.key.length || b.length !== mapping.key.length) {
      throw new ElstreamError('RANGE_INVALID', 'refuse', `a bound of the range is no key of ${mapping.id}; give one value per key column, of ${column.source} as ${column.targetType} prints it (times in UTC)`, { place: { table: mapping.id } });
    }
    const order = compareParts(x, y);
    if (order !== 0) return order;
  }
  return 0;
}

/** Parts compared one after the other. */
type Order = readonly (bigint | string)[];

function compareParts(a: Order, b: Order): number {
  for (let i = 0; i < Math.max(a.length, b.length); i += 1) {
    const [x, y] = [a[i], b[i]];
    if (x === y) continue;
    if (x === undefined || y === undefined) return x === undefined ? -1 : 1;
    return x < y ? -1 : 1;
  }
  return 0;
}

const LOWEST = -(1n << 62n);
const HIGHEST = 1n << 62n;

/** Null: no value of the type. */
function orderOf(type: ColumnType, text: string | undefined): Order | null {
  if (text === undefined) return null;
  switch (type.kind) {
    case 'boolean':
      return /^(?:t|f|true|false)$/.test(text) ? [text.startsWith('t') ? 1n : 0n] : null;
    case 'integer':
      return /^-?\d+$/.test(text) ? [BigInt(text)] : null;
    case 'decimal':
      return orderOfDecimal(text);
    case 'binary':
      return /^\\x(?:[0-9a-fA-F]{2})*$/.test(text) ? [text.toLowerCase()] : null;
    case 'uuid':
      return /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/.test(text) ? [text.toLowerCase()] : null;
    case 'date':
    case 'timestamp':
      return orderOfTime(text);
    case 'float':
    case 'text':
    case 'time':
    case 'json':
    case 'other':
      return null;
  }
}

/** Sign, whole part and fraction; a negative fraction is ordered by its digits the other way round. */
function orderOfDecimal(text: string): Order | null {
  if (text === '-Infinity') return [LOWEST << 4096n];
  if (text === 'Infinity') return [HIGHEST << 4096n, 0n];
  if (text === 'NaN') return [HIGHEST << 4096n, 1n];
  const parts = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (parts === null) return null;
  // Scaled to more digits than any fraction has that a key would: whole numbers compare exactly.
  const scaled = BigInt((parts[2] ?? '0') + (parts[3] ?? '').padEnd(FRACTION_DIGITS, '0').slice(0, FRACTION_DIGITS));
  return [parts[1] === '-' ? -scaled : scaled];
}

const FRACTION_DIGITS = 400;

/** Year, rest as it is printed: parts of one width, a fraction without zeros at its end. */
function orderOfTime(text: string): Order | null {
  if (text === '-infinity') return [LOWEST];
  if (text === 'infinity') return [HIGHEST];
  const parts = /^(\d{4,})-(\d\d-\d\d(?:[ T]\d\d:\d\d:\d\d(?:\.\d+)?)?)(?:\+00|Z)?( BC)?$/.exec(text);
  if (parts === null) return null;
  const year = BigInt(parts[1] ?? '0');
  return [parts[3] === undefined ? year : 1n - year, (parts[2] ?? '').replace('T', ' ')];
}

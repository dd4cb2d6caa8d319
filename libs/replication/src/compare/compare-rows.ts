import { keyIdentity, keyOfRow, type Cell, type LogPosition, type Row, type TableMapping } from '@elstream/core';

/** A warehouse row as read for comparing. `position` null: a preload row, whose position counts for nothing (R5). */
export interface StandingRow {
  readonly row: readonly Cell[];
  readonly position: LogPosition | null;
}

export type Verdict =
  /** Nothing to say about it (any more): both sides are equal, or both have none. */
  | { readonly is: 'equal' }
  | { readonly is: 'difference'; readonly kind: 'missing' | 'extra' | 'unequal'; readonly columns: readonly string[] }
  /** One side may be newer than the source read: look again. `absent`: the warehouse has no row, which carries no version. */
  | { readonly is: 'undecided'; readonly because: 'newer' | 'absent' };

/** Names of the target columns whose canonical text differs. Text for text: a lossless override that spells values differently shows as unequal. */
export function unequalColumns(mapping: TableMapping, source: Row, warehouse: Row): string[] {
  return mapping.columns.filter((_, i) => source[i] !== warehouse[i]).map((c) => c.target);
}

/**
 * R8 for one key, once the stream has passed B: `a` is the log position noted before the source read. A warehouse row
 * written at or below A was due in that read, so it must be equal; one above A may be right and the read old. An absent
 * row has no version to judge by (nothing remembers its delete when no marker is kept), so the caller looks again.
 */
export function judge(mapping: TableMapping, source: Row | undefined, warehouse: StandingRow | undefined, a: LogPosition): Verdict {
  if (source === undefined && warehouse === undefined) return { is: 'equal' };
  if (warehouse === undefined) return { is: 'undecided', because: 'absent' };
  const newer = warehouse.position !== null && a.isBelow(warehouse.position);
  if (source === undefined) return newer ? { is: 'undecided', because: 'newer' } : { is: 'difference', kind: 'extra', columns: [] };
  const columns = unequalColumns(mapping, source, warehouse.row);
  if (columns.length === 0) return { is: 'equal' };
  return newer ? { is: 'undecided', because: 'newer' } : { is: 'difference', kind: 'unequal', columns };
}

/** Rows by the identity of their key. */
export function byKey<R>(mapping: TableMapping, rows: readonly R[], cells: (row: R) => Row): Map<string, R> {
  return new Map(rows.map((row) => [keyIdentity(mapping, keyOfRow(mapping, cells(row))), row]));
}

/** Cuts into pieces of at most `size`. */
export function slices<T>(all: readonly T[], size: number): T[][] {
  const out: T[][] = [];
  for (let i = 0; i < all.length; i += size) out.push(all.slice(i, i + size));
  return out;
}

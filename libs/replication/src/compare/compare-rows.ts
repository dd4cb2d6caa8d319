import { keyIdentity, keyOfRow, ruleHolds, type Cell, type Row, type Standing, type TableMapping } from '@elstream/core';
import type { StreamMoment } from '@elstream/change-stream';
import { equalCells } from './equal-cells';

/** What stands at a key of the warehouse, as `readStanding` gives it. */
export interface StandingAt {
  readonly standing: Standing;
  readonly row: readonly Cell[] | null;
}

export type Verdict =
  /** Nothing to say about it (any more): both sides are equal, or both have none. */
  | { readonly is: 'equal' }
  | { readonly is: 'difference'; readonly kind: 'missing' | 'extra' | 'unequal'; readonly columns: readonly string[] }
  /** The warehouse may be newer than the source read: look again. */
  | { readonly is: 'in-flight' };

/** Names of the target columns whose values differ. A lossless override that spells values differently shows as unequal. */
export function unequalColumns(mapping: TableMapping, source: Row, warehouse: Row): string[] {
  return mapping.columns.filter((column, i) => !equalCells(column, source[i], warehouse[i])).map((c) => c.target);
}

/**
 * R8 for one key, once the stream has passed B: `a` is the moment noted before the source read. What was written, or
 * deleted, at or before A was due in that read (which waited for the transactions then in progress), so it must be equal;
 * what is newer may be right and the read old. Where neither row nor marker stands nothing was deleted since the use of
 * the table was opened, which was before A: a row the source has is missing.
 */
export function judge(mapping: TableMapping, source: Row | undefined, { standing, row }: StandingAt, a: StreamMoment): Verdict {
  if (!ruleHolds('R8-decides')) return { is: 'in-flight' };
  if (source === undefined && row === null) return { is: 'equal' };
  const columns = source === undefined || row === null ? [] : unequalColumns(mapping, source, row);
  if (source !== undefined && row !== null && columns.length === 0) return { is: 'equal' };
  if (ruleHolds('R8-in-flight') && isNewer(standing, a)) return { is: 'in-flight' };
  return { is: 'difference', kind: source === undefined ? 'extra' : row === null ? 'missing' : 'unequal', columns };
}

/** A preload row's position counts for nothing (R5). */
function isNewer(standing: Standing, a: StreamMoment): boolean {
  return standing.is !== 'nothing' && standing.version.kind === 'stream' && a.mayBeNewer(standing.version.position);
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

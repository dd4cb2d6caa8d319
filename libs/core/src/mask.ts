import { createHmac } from 'node:crypto';
import type { EventCell } from './column-type';
import type { Mask, TableMapping } from './table';

/**
 * The masked form of one cell. `null`: always NULL, also where the clear value is unknown. Keyed hash: hex HMAC-SHA-256
 * of the canonical text, so equal values stay joinable; NULL stays NULL and unknown stays unknown.
 */
export function applyMask<C extends EventCell>(cell: C, mask: Mask | null): C | string | null {
  if (mask === null) return cell;
  switch (mask.kind) {
    case 'null':
      return null;
    case 'hash':
      return cell === null || cell === undefined ? cell : createHmac('sha256', mask.secret).update(cell, 'utf8').digest('hex');
  }
  return mask satisfies never;
}

/** True if a row of this table has to be looked into on its way, i.e. cannot be handed through as bytes. */
export function hasHashMask(mapping: TableMapping): boolean {
  return mapping.columns.some((c) => c.mask?.kind === 'hash');
}

import { requireHoldableKeys } from './holdable-key';
import type { Target } from './target';

/**
 * Keys as one array of text per key column, so that a statement's text does not depend on how many there are: `from` gives
 * them as `u` with their place `ord` (from 1), `same` is `t.k = u.k0::type AND …`. `first`: number of the first parameter.
 * Throws ElstreamError (park) for a key that no column of PostgreSQL holds.
 */
export function keysAsArrays(target: Target, keys: readonly (readonly string[])[], first: number): { readonly from: string; readonly values: unknown[]; same(alias: string): string } {
  requireHoldableKeys(target.mapping, keys);
  const names = target.key.map((_, i) => `k${String(i)}`);
  return {
    from: `unnest(${names.map((_, i) => `$${String(first + i)}::text[]`).join(', ')}) WITH ORDINALITY AS u(${names.join(', ')}, ord)`,
    values: target.key.map((_, i) => keys.map((key) => key[i] ?? null)),
    same: (alias) => target.key.map((c, i) => `${alias}.${c.quoted} = u.k${String(i)}::${c.type}`).join(' AND '),
  };
}

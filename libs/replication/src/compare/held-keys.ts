import { recoveryOf, type TableMapping } from '@elstream/core';
import type { StandingRows, Warehouse } from '@elstream/warehouse';

type Key = readonly string[];

/**
 * As `readStanding`. A key that no column of the warehouse holds (U+0000 of a SQL Server source in PostgreSQL) fails what
 * asks for it: it is found by halving, and nothing stands there. Epoch and phase are those of the last look.
 */
export async function standingAt(warehouse: Pick<Warehouse, 'readStanding'>, mapping: TableMapping, keys: readonly Key[]): Promise<StandingRows> {
  try {
    return await warehouse.readStanding(mapping, keys);
  } catch (error) {
    if (recoveryOf(error) !== 'park' || keys.length === 0) throw error;
  }
  if (keys.length === 1) return { ...(await warehouse.readStanding(mapping, [])), at: [{ standing: { is: 'nothing' }, row: null }] };
  const [before, after] = halves(keys);
  const { at } = await standingAt(warehouse, mapping, before);
  const rest = await standingAt(warehouse, mapping, after);
  return { ...rest, at: [...at, ...rest.at] };
}

/** As `readByKeys` of the warehouse, likewise. */
export async function rowsAt(warehouse: Pick<Warehouse, 'readByKeys'>, mapping: TableMapping, keys: readonly Key[]): ReturnType<Warehouse['readByKeys']> {
  try {
    return await warehouse.readByKeys(mapping, keys);
  } catch (error) {
    if (recoveryOf(error) !== 'park' || keys.length === 0) throw error;
  }
  if (keys.length === 1) return [];
  const [before, after] = halves(keys);
  return [...(await rowsAt(warehouse, mapping, before)), ...(await rowsAt(warehouse, mapping, after))];
}

function halves(keys: readonly Key[]): readonly [readonly Key[], readonly Key[]] {
  const middle = Math.ceil(keys.length / 2);
  return [keys.slice(0, middle), keys.slice(middle)];
}

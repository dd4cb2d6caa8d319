import { recoveryOf, type TableMapping } from '@elstream/core';
import type { StandingRows, Warehouse } from '@elstream/warehouse';

type Key = readonly string[];

/** As `readStanding`; nothing stands at a key that cannot be held. Epoch and phase are those of the last look. */
export function standingAt(warehouse: Pick<Warehouse, 'readStanding'>, mapping: TableMapping, keys: readonly Key[]): Promise<StandingRows> {
  return byHalves(keys, {
    ask: (some) => warehouse.readStanding(mapping, some),
    notHeld: async () => ({ ...(await warehouse.readStanding(mapping, [])), at: [{ standing: { is: 'nothing' }, row: null }] }),
    join: (before, after) => ({ ...after, at: [...before.at, ...after.at] }),
  });
}

/** As `readByKeys` of the warehouse; there is no row of a key that cannot be held. */
export function rowsAt(warehouse: Pick<Warehouse, 'readByKeys'>, mapping: TableMapping, keys: readonly Key[]): ReturnType<Warehouse['readByKeys']> {
  return byHalves(keys, { ask: (some) => warehouse.readByKeys(mapping, some), notHeld: () => Promise.resolve([]), join: (before, after) => [...before, ...after] });
}

interface Question<T> {
  readonly ask: (keys: readonly Key[]) => Promise<T>;
  readonly notHeld: () => Promise<T>;
  readonly join: (before: T, after: T) => T;
}

/** A key that no column of the warehouse holds (U+0000 of a SQL Server source in PostgreSQL) fails what asks for it: it is found by halving. */
async function byHalves<T>(keys: readonly Key[], question: Question<T>): Promise<T> {
  try {
    return await question.ask(keys);
  } catch (error) {
    if (recoveryOf(error) !== 'park' || keys.length === 0) throw error;
  }
  if (keys.length === 1) return question.notHeld();
  const middle = Math.ceil(keys.length / 2);
  const before = await byHalves(keys.slice(0, middle), question);
  return question.join(before, await byHalves(keys.slice(middle), question));
}

import type { HistoryWarehouse } from '@elstream/warehouse';
import { checkDerived } from './history/check';
import { noteDue, readDue } from './history/due';
import { mergeVersions } from './history/merge';
import type { WarehouseParts } from './warehouse-parts';

/** History (R13): what is asked of it from outside; derived versions are written by batches, fills and sweeps themselves. */
export function createHistory(parts: WarehouseParts): HistoryWarehouse {
  const { db, targetOf } = parts;
  return {
    dueHistory: async (pipeline, limit) => readDue(db, pipeline, limit),
    noteDueHistory: async (pipeline, table, keys) => noteDue(db, pipeline, table, keys),
    mergeHistory: async (write) => mergeVersions(db, write, await targetOf(write.mapping)),
    checkHistory: async (mapping) => checkDerived(db, await targetOf(mapping)),
  };
}

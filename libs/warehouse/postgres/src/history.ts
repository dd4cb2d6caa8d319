import { onDatabase } from '@elstream/database';
import type { HistoryWarehouse } from '@elstream/warehouse';
import { checkDerived } from './history/check';
import { noteDue, readDue } from './history/due';
import { mergeVersions } from './history/merge';
import type { WarehouseParts } from './warehouse-parts';

/** History (R13): what is asked of it from outside; derived versions are written by batches, fills and sweeps themselves. */
export function createHistory(parts: WarehouseParts): HistoryWarehouse {
  const { dataSource, targetOf } = parts;
  return {
    dueHistory: (pipeline, limit) => onDatabase(dataSource, (sql) => readDue(sql, pipeline, limit)),
    noteDueHistory: (pipeline, table, keys) => onDatabase(dataSource, (sql) => noteDue(sql, pipeline, table, keys)),
    mergeHistory: async (write) => mergeVersions(dataSource, write, await targetOf(write.mapping)),
    checkHistory: async (mapping) => {
      const target = await targetOf(mapping);
      return onDatabase(dataSource, (sql) => checkDerived(sql, target));
    },
  };
}

import { ElstreamError } from '@elstream/core';
import type { HistoryWarehouse } from '@elstream/warehouse';
import type { WarehouseParts } from './warehouse-parts';

function missing(what: string): Promise<never> {
  return Promise.reject(new ElstreamError('NOT_BUILT', 'stop', `${what} is not built yet`));
}

/** Part of the warehouse. */
export function createHistory(_parts: WarehouseParts): HistoryWarehouse {
  return {
    dueHistory: () => missing('dueHistory'),
    noteDueHistory: () => missing('noteDueHistory'),
    mergeHistory: () => missing('mergeHistory'),
    checkHistory: () => missing('checkHistory'),
  };
}

import { ElstreamError } from '@elstream/core';
import type { RepairableWarehouse } from '@elstream/warehouse';
import type { WarehouseParts } from './warehouse-parts';

function missing(what: string): Promise<never> {
  return Promise.reject(new ElstreamError('NOT_BUILT', 'stop', `${what} is not built yet`));
}

/** Part of the warehouse. */
export function createRepairs(_parts: WarehouseParts): RepairableWarehouse {
  return {
    openUse: () => missing('openUse'),
    closeUse: () => missing('closeUse'),
    staleUses: () => missing('staleUses'),
    readStanding: () => missing('readStanding'),
    repairRows: () => missing('repairRows'),
    changedKeys: () => missing('changedKeys'),
  };
}

import { ElstreamError } from '@elstream/core';
import type { EvolvingWarehouse } from '@elstream/warehouse';
import type { WarehouseParts } from './warehouse-parts';

function missing(what: string): Promise<never> {
  return Promise.reject(new ElstreamError('NOT_BUILT', 'stop', `${what} is not built yet`));
}

/** Part of the warehouse. */
export function createEvolution(_parts: WarehouseParts): EvolvingWarehouse {
  return {
    evolveTable: () => missing('evolveTable'),
    stopTable: () => missing('stopTable'),
    forgetTables: () => missing('forgetTables'),
    resetTables: () => missing('resetTables'),
    reshapeTable: () => missing('reshapeTable'),
  };
}

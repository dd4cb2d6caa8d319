import type { EvolvingWarehouse } from '@elstream/warehouse';
import { evolveTable } from './evolution/evolve-table';
import { forgetTables, resetTables, stopTable } from './evolution/lifecycle';
import { reshapeTable } from './evolution/reshape-table';
import type { WarehouseParts } from './warehouse-parts';

/** Part of the warehouse: following the source's schema, and beginning anew. */
export function createEvolution(parts: WarehouseParts): EvolvingWarehouse {
  return {
    evolveTable: async (pipeline, to, change) => evolveTable(parts, pipeline, to, change),
    stopTable: async (pipeline, table, reason) => stopTable(parts, pipeline, table, reason),
    forgetTables: async (pipeline, tables) => forgetTables(parts, pipeline, tables),
    resetTables: async (pipeline, mappings, options) => resetTables(parts, pipeline, mappings, options),
    reshapeTable: async (pipeline, to) => reshapeTable(parts, pipeline, to),
  };
}

import type { SchemaChange, TableMapping } from '@elstream/core';

/** What following the source's schema, and beginning anew, ask of a warehouse. Users' indexes, views and grants survive all but `resetTables` with `dropData`. */
export interface EvolvingWarehouse {
  /**
   * Makes target, markers and history fit `to`: columns are added or widened; those that are gone stay, nullable. One
   * transaction that excludes batches and merges of the table; idempotent. Views that depend on a widened column are made
   * again, with owner, comments and grants. With `change.added` the table is marked to be loaded again (`TableState.stale`).
   *
   * @throws ElstreamError `EVOLUTION_BLOCKED` (refuse) naming what depends on the column and cannot be made again
   */
  evolveTable(pipeline: string, to: TableMapping, change: SchemaChange): Promise<void>;
  /** Phase `stopped` with the reason: events are counted and passed over; only a preload brings the table back. Under exclusion of batches and merges. */
  stopTable(pipeline: string, table: string, reason: string): Promise<void>;
  /**
   * The pipeline has these tables no more: state, markers and noted history are forgotten; the target stays. Idempotent.
   */
  forgetTables(pipeline: string, tables: readonly string[]): Promise<void>;
  /**
   * Phase `new` for the tables, under exclusion of batches and merges; their dead letters are discarded. With `dropData`
   * target and history tables are dropped in the same transaction (`RESET_BLOCKED` (refuse) if views depend on them).
   */
  resetTables(pipeline: string, mappings: readonly TableMapping[], options: { readonly dropData: boolean }): Promise<void>;
  /**
   * After an accepted change that cannot be followed (another key or type): empties the table and gives it the new shape;
   * the table must be stopped. The preload that follows fills it. Throws `EVOLUTION_BLOCKED` as `evolveTable`.
   */
  reshapeTable(pipeline: string, to: TableMapping): Promise<void>;
}

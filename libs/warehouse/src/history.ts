import type { TableMapping } from '@elstream/core';

/** A key whose copied history has to be fetched, noted in the transaction of the batch that touched it. */
export interface DueHistory {
  readonly id: string;
  readonly table: string;
  /** Null: of every key, as after a truncate. */
  readonly key: readonly string[] | null;
}

export interface HistoryWrite {
  readonly pipeline: string;
  readonly mapping: TableMapping;
  /** Row codec: cells in mapping order, then `t` where the version ended by a delete, else `f`. */
  readonly rows: AsyncIterable<Uint8Array>;
  /** What these rows answer; forgotten in the same transaction. */
  readonly settles: readonly string[];
}

/** R13: what keeping history asks of a warehouse. Derived history is written by `applyBatch`, `loadChunk` and `finishPreload` themselves. */
export interface HistoryWarehouse {
  /** Oldest first. */
  dueHistory(pipeline: string, limit: number): Promise<readonly DueHistory[]>;
  /** Notes what has to be fetched (once more): for repair. */
  noteDueHistory(pipeline: string, table: string, keys: readonly (readonly string[])[]): Promise<void>;
  /**
   * Adds those versions that are not there yet, as a multiset per key: the source's history only grows, so an older read
   * takes nothing away. Returns the rows added.
   */
  mergeHistory(write: HistoryWrite): Promise<number>;
  /**
   * Derived history: versions of a key that do not follow one another without a hole, counted; null where the history is
   * copied. Approximate versions (swept rows, times of deletes) are counted apart.
   */
  checkHistory(mapping: TableMapping): Promise<{ readonly versions: number; readonly holes: number; readonly approximate: number } | null>;
}

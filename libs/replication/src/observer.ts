import type { TaskKind } from '@elstream/control';
import type { Recovery } from '@elstream/core';

export interface AppliedBatch {
  /** Per table, re-emissions not counted. */
  readonly tables: readonly { readonly table: string; readonly events: number }[];
  /** Re-emissions and events of tables without a mapping. */
  readonly skipped: number;
  readonly rowsWritten: number;
  readonly rowsDeleted: number;
  readonly bytes: number;
  /** From taking the batch to its commit, milliseconds. */
  readonly ms: number;
  readonly committedAtUs: bigint | null;
}

/** Where the work reports numbers to; bound to metrics and health by the runtime. Must not throw. */
export interface ReplicationObserver {
  batchApplied(pipeline: string, batch: AppliedBatch): void;
  chunkLoaded(pipeline: string, table: string, chunk: { readonly rows: number; readonly ms: number }): void;
  taskEnded(pipeline: string, kind: TaskKind, outcome: 'done' | 'retry' | 'failed' | 'lost'): void;
  rowsCompared(pipeline: string, table: string, found: { readonly rows: number; readonly differences: number; readonly unverified: number }): void;
  /** Rows mended, and rows given up because they kept changing. */
  rowsRepaired(pipeline: string, table: string, found: { readonly repaired: number; readonly unchanged: number; readonly moved: number }): void;
  eventsParked(pipeline: string, table: string, count: number): void;
  historyMerged(pipeline: string, table: string, rows: number): void;
  /** A table was stopped (R7), or its changed schema followed. */
  tableStopped(pipeline: string, table: string): void;
  schemaFollowed(pipeline: string, table: string): void;
  retainedLog(pipeline: string, bytes: number): void;
  /** Whether capture at the source runs, as this process sees it; null: it does. */
  captureTrouble(pipeline: string, trouble: string | null): void;
  streamFailed(pipeline: string, recovery: Recovery): void;
  gapDeclared(pipeline: string): void;
  /** Whether this process reads the pipeline's stream now; false: it waits, or another process reads and this one stands by. */
  streamActive(pipeline: string, active: boolean): void;
  /** Whether this process leads the planning of runs. */
  leading(leads: boolean): void;
  /** A loop went round; one that stays silent for long is not healthy. */
  alive(loop: string): void;
}

export const silentObserver: ReplicationObserver = {
  batchApplied: () => undefined,
  chunkLoaded: () => undefined,
  taskEnded: () => undefined,
  rowsCompared: () => undefined,
  rowsRepaired: () => undefined,
  eventsParked: () => undefined,
  historyMerged: () => undefined,
  tableStopped: () => undefined,
  schemaFollowed: () => undefined,
  retainedLog: () => undefined,
  captureTrouble: () => undefined,
  streamFailed: () => undefined,
  gapDeclared: () => undefined,
  streamActive: () => undefined,
  leading: () => undefined,
  alive: () => undefined,
};

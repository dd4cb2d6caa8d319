import type { ChangeStream } from '@elstream/change-stream';
import type { TableMapping } from '@elstream/core';
import type { SourceDatabase, SourceTable, TableSelection } from '@elstream/source';
import type { Warehouse } from '@elstream/warehouse';

/** What the pieces of work need to know of a pipeline's configuration; `@elstream/runtime` makes it from the file. */
export interface PipelineSettings {
  readonly name: string;
  readonly selection: TableSelection;
  /** Rows of one warehouse batch's keys read at once while comparing. */
  readonly compareRows: number;
  /** How long R4's wait for transactions in progress may last before the task is tried again, milliseconds. */
  readonly transactionWaitMs: number;
  /** How often a row that keeps changing is read again before it counts as unverified (R8: n). */
  readonly maxRereads: number;
  /** How long validation waits for the stream to pass a position before the rows count as unverified, milliseconds. */
  readonly validationWaitMs: number;
  /** How often an idle source is moved on by the counter, milliseconds. */
  readonly counterIntervalMs: number;
  /** R14: bytes of log the source may retain for us; 0: no limit, as of a source that retains none. */
  readonly walLimitBytes: number;
  readonly walPolicy: 'drop' | 'resume';
  /** R7: what is done with an event or row that the warehouse cannot take. */
  readonly deadLetters: { readonly policy: 'park' | 'stop'; readonly limit: number };
  /** Between two validations by themselves, milliseconds; null: never. */
  readonly validateEveryMs: number | null;
  /** What these look at. `changed`: every time but the first of a day only what has changed. */
  readonly validateMode: 'full' | 'changed';
  /** With mode `full`: share of the ranges these look at, percent; null: all. */
  readonly validateSamplePercent: number | null;
  /** Most rows compared per second and process; null: as fast as it goes. */
  readonly validateRowsPerSecond: number | null;
  /** Whether differences of a validation are repaired by themselves. */
  readonly repair: 'manual' | 'auto';
  /** Whether reports of differences hold the unequal values. */
  readonly showValues: boolean;
  /** How often the source's schema is looked at, milliseconds. */
  readonly schemaIntervalMs: number;
}

/** Tables as configured: what is replicated and every reason why one cannot be, as sentences with remedies. */
export interface MappedTables {
  readonly mappings: readonly TableMapping[];
  readonly problems: readonly string[];
}

/**
 * One pipeline with its two databases and its change stream. Source and stream are connected when first asked for, so
 * that a source that is down stops no other pipeline; a failed connection is tried again at the next call.
 */
export interface PipelineHandle {
  readonly name: string;
  readonly settings: PipelineSettings;
  readonly warehouse: Warehouse;
  source(): Promise<SourceDatabase>;
  stream(): Promise<ChangeStream>;
  /** Described source tables → mappings, as the configuration wants them; a table with a problem has none. Pure. */
  mapTables(tables: readonly SourceTable[]): MappedTables;
  /**
   * The stored mappings by table id, mask secrets put back; empty before the first `prepare`. Read from the store at
   * every call, and the *same* map object as long as they have not changed: that is how a stream notices a change.
   */
  mappings(): Promise<ReadonlyMap<string, TableMapping>>;
  /** Stores the mappings (without secrets), by which stream, preload and validation go on from now. */
  setMappings(mappings: readonly TableMapping[]): Promise<void>;
}

/** A pipeline in use: its connections stay open until `release`, also if its configuration changes meanwhile. */
export interface HeldPipeline {
  readonly pipeline: PipelineHandle;
  /** Idempotent. */
  release(): void;
}

/** The pipelines this process is configured with; the pipeline files are read again while it lives. */
export interface PipelineRegistry {
  names(): readonly string[];
  /** For a short use, at once: a changed configuration has a new handle. Throws `PIPELINE_UNKNOWN` (refuse). */
  get(name: string): PipelineHandle;
  /** For a use that lasts: a task, a stream. Throws `PIPELINE_UNKNOWN` (refuse). */
  hold(name: string): HeldPipeline;
  has(name: string): boolean;
  /** Calls `listener` after a pipeline was added, taken away or configured anew (then `get` gives another handle). Returns the function that ends it. */
  onChange(listener: () => void): () => void;
  /** Removes what is ours at the source (slot, publication), then forgets the pipeline in the control tables. Target tables stay. */
  remove(name: string): Promise<void>;
}

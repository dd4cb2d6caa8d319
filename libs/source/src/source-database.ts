import type { BucketChecksum, BucketChoice, Cell, KeyDigest, KeyRange, LogPosition, SourceIdentity, TableMapping, TableSchema } from '@elstream/core';

/** A table found in the source's catalog, with everything that forbids replicating it. */
export interface SourceTable {
  readonly schema: TableSchema;
  /** About how many rows, from statistics; never counted. Null: unknown. */
  readonly estimatedRows: number | null;
  /** Sentences that name the table, what is wrong and the remedy; empty: can be replicated. */
  readonly problems: readonly string[];
}

/** Which tables to look for: exact names, or patterns with `*` and `?` over `schema.name`. */
export interface TableSelection {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** Keys chosen by configuration, by table id; they override the catalog's. */
  readonly keys: ReadonlyMap<string, readonly string[]>;
  /** Columns left out by configuration, by table id: their types need not be carriable. */
  readonly excludedColumns: ReadonlyMap<string, readonly string[]>;
}

/** One source transaction in progress at the moment the list was taken. */
export interface TransactionInProgress {
  readonly id: string;
  /** Who holds it, for people: session, application, start; or the prepared transaction's name. */
  readonly holder: string;
}

export interface ChunkRead {
  /** The rows, in the core row codec, cells in the mapping's column order, masks applied. */
  readonly rows: AsyncIterable<Uint8Array>;
  /** Rows delivered; valid once `rows` has ended. */
  readonly count: () => number;
}

export interface RetainedLog {
  /** Bytes of log the source keeps for us; null: the slot or capture is gone. */
  readonly bytes: number | null;
}

/**
 * The database read from. Every query carries a timeout and counts against one connection limit (R14). Reads see
 * committed data only. Errors are `ElstreamError` with a recovery class.
 */
export interface SourceDatabase {
  /** Everything wrong with server, login and settings, as sentences with remedies, all at once; empty: fine. */
  check(): Promise<readonly string[]>;
  identity(): Promise<SourceIdentity>;
  /** Tables the selection names. An include entry without wildcard that matches nothing is an error that names it. */
  describe(selection: TableSelection): Promise<readonly SourceTable[]>;
  /**
   * Bounds that cut the table into ranges of about `mapping.chunkRows` rows: half-open, in key order, together
   * covering (-inf, +inf), so a row inserted anywhere later belongs to exactly one. An empty table is one range.
   * Yielded as found, so that work can begin before planning ends.
   */
  planChunks(mapping: TableMapping, signal: AbortSignal): AsyncIterable<KeyRange>;
  /** Reads one range in any state of the table; the caller merges it by R4. */
  readChunk(mapping: TableMapping, range: KeyRange, signal: AbortSignal): Promise<ChunkRead>;
  /** Rows that exist now for these keys (at most some thousands), masks applied; order and absence are the caller's to match by key. */
  readByKeys(mapping: TableMapping, keys: readonly (readonly string[])[]): Promise<readonly Cell[][]>;
  /**
   * The range's rows by bucket of their key, each bucket with an order-free checksum of its rows; one statement, computed
   * inside the database. Buckets without rows are absent. Columns masked to NULL count as NULL. Throws RangeError for a
   * mapping with a hash mask: its values do not exist inside the database.
   */
  checksums(mapping: TableMapping, range: KeyRange, buckets: number, signal: AbortSignal): Promise<readonly BucketChecksum[]>;
  /** Key and digest of every row of the range that is in one of the buckets, in no order; one statement. Throws as `checksums`. */
  digests(mapping: TableMapping, range: KeyRange, buckets: BucketChoice, signal: AbortSignal): Promise<readonly KeyDigest[]>;
  /**
   * Versions of these keys, or of a key range, in the history table the source keeps (`mapping.history.source`): cells in
   * mapping order, masks applied, then `t` where the version ended by a delete (no version or row follows it at its end),
   * else `f`. One statement. Throws RangeError for a mapping without copied history.
   */
  readHistory(mapping: TableMapping, of: { readonly keys: readonly (readonly string[])[] } | { readonly range: KeyRange }, signal: AbortSignal): Promise<ChunkRead>;
  /**
   * What keeps the history tables of these mappings from being copied (missing, other columns or types, not readable), as
   * sentences with remedies, all at once; empty: fine. Mappings without copied history are passed over.
   */
  checkHistory(mappings: readonly TableMapping[]): Promise<readonly string[]>;
  /** Like `planChunks`, for the history table: ranges of its keys of about `mapping.chunkRows` versions; all versions of a key are in one. */
  planHistory(mapping: TableMapping, signal: AbortSignal): AsyncIterable<KeyRange>;
  /**
   * With a read replica (`source.readUrl`): resolves when every read sees what committed below `position`; false after
   * `waitMs`. Without one: true at once. Tables are read from the replica, all else is asked of the primary (R4 (2), R8).
   */
  replicaHasApplied(position: LogPosition, wait: { readonly waitMs: number; readonly signal: AbortSignal }): Promise<boolean>;
  /** End of the log now: every transaction that has written its commit lies below (R4's H, R8's A and B). */
  endOfLog(): Promise<LogPosition>;
  /** R4 (2): transactions that may have written and are not visible yet; prepared ones included. */
  transactionsInProgress(): Promise<readonly TransactionInProgress[]>;
  /** Those of the listed that are still in progress, with their holders. */
  stillInProgress(listed: readonly TransactionInProgress[]): Promise<readonly TransactionInProgress[]>;
  close(): Promise<void>;
}


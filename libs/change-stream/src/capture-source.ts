import type { LogPosition, SourceIdentity, TableMapping } from '@elstream/core';

/** The database of a source that a connector captures, as the connector has to be told. */
export interface CaptureEndpoint {
  readonly connector: 'postgresql' | 'sqlserver';
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Never logged, never in an error. */
  readonly password: string;
  readonly database: string;
  /** Settings of the connector that belong to the connection, e.g. `database.sslmode`. */
  readonly settings: Readonly<Record<string, string>>;
}

export interface CaptureSourceStatus {
  /** Slot and publication (SQL Server: capture instances) exist; `lost`: the server has removed log that is still needed. */
  readonly state: 'ready' | 'missing' | 'lost';
  readonly retainedBytes: number | null;
  /** Everything that committed below is gone from the log, or was acknowledged; null: unknown. */
  readonly confirmed: LogPosition | null;
  /** For people; null where `ready`. */
  readonly reason: string | null;
  /** What the pipeline's counter row holds now; null or absent: not known. */
  readonly raised?: bigint | null;
  /** What keeps the source from capturing although nothing is lost, with the remedy (SQL Server: its capture job stands still); null or absent: nothing. */
  readonly trouble?: string | null;
}

/**
 * What elstream itself does at a source whose log a Debezium connector reads: everything the connector must not do by
 * itself, because it would go on silently over a gap.
 */
export interface CaptureSource {
  readonly endpoint: CaptureEndpoint;
  /** The names under which the connector finds what `prepare` made: PostgreSQL's slot and publication. */
  readonly names: Readonly<Record<string, string>>;
  /**
   * Makes counter table, publication and slot (or capture instances) exist for exactly these tables, replica identity
   * checked first (R14). `created`: capture had to be made anew, so a connector's offsets from before mean a log gap.
   */
  prepare(tables: readonly TableMapping[]): Promise<{ readonly created: boolean; readonly identity: SourceIdentity; readonly position: LogPosition }>;
  /** Where the counter row lives. */
  readonly counter: { readonly schema: string; readonly table: string };
  /** Raises the pipeline's row of the counter table by one (R3 a). */
  raiseCounter(): Promise<void>;
  status(): Promise<CaptureSourceStatus>;
  /** As `ChangeStream.retainedBytes`. */
  retainedBytes(): Promise<number | null>;
  /**
   * R14, where the source keeps changes for a time and not until they are acknowledged: a word, with the remedy, once more
   * than half of it has passed for what comes after `needed`, or where something that is needed no more endangers it; null:
   * no reason to worry. Absent: it keeps them otherwise. Asked only where `status` is ready.
   */
  budget?(needed: LogPosition): Promise<string | null>;
  /** As `ChangeStream.captured`. */
  captured(): Promise<ReadonlySet<string> | null>;
  /**
   * Keys (source cells in key order, spelled as those of events) of the rows that one record of the log may have held
   * together with the row that transaction `txId` inserted with `key`, without it: at least those that still are as they
   * were inserted; of the others later events tell. Rows that came with another record may be among them. Null: it cannot
   * be told, or they are too many. Absent: no two events share a place in the log.
   */
  companions?(table: TableMapping, insert: { readonly key: readonly string[]; readonly txId: bigint }): Promise<readonly (readonly string[])[] | null>;
  /** Removes what `prepare` made, whoever reads it. Idempotent. A connector that is not gone fails, or makes a slot that `prepare` does not believe. */
  drop(): Promise<void>;
  close(): Promise<void>;
}

import { type EventRow } from '@elstream/core';
import { type SourceBlock } from './source-block';

/** One record of a table's topic, as the broker hands it over. */
export interface DebeziumRecord {
  readonly key: Buffer | null;
  /** Null: a tombstone. */
  readonly value: Buffer | null;
  readonly headers?: Readonly<Record<string, unknown>>;
}

/** The record is one half of a key change that the connector split in two (header `__debezium.newkey`, `__debezium.oldkey`). */
export interface KeyChange {
  /** `from`: this deletes the old key. `to`: this writes the new one. */
  readonly side: 'from' | 'to';
  /** The other half's key; null where the header's form (`header.converter`) does not tell. The two halves may lie in different partitions. */
  readonly otherKey: readonly string[] | null;
}

/**
 * The parts of a core `ChangeEvent`: positions and transactions are the stream adapter's business, as PostgreSQL's
 * source block holds none (R3). Cells follow the mapping, masks are applied, keys are clear; `undefined` is unknown (R6).
 */
export type Decoded =
  | DecodedWrite
  | { readonly op: 'delete'; readonly key: readonly string[]; readonly source: SourceBlock; readonly keyChange: KeyChange | null }
  | { readonly op: 'truncate'; readonly source: SourceBlock }
  /** PostgreSQL's logical message. */
  | { readonly op: 'message'; readonly source: SourceBlock; readonly prefix: string; readonly content: Buffer }
  /** Says nothing that the delete before it did not say. */
  | { readonly op: 'tombstone' }
  | DecodedPoison;

export interface DecodedWrite {
  readonly op: 'insert' | 'update';
  /** Read by a snapshot of the connector (`r`), not streamed. */
  readonly snapshotRead: boolean;
  readonly row: EventRow;
  readonly key: readonly string[];
  /** The key before an update where it changed, else null. */
  readonly oldKey: readonly string[] | null;
  readonly source: SourceBlock;
  readonly keyChange: KeyChange | null;
  /**
   * Indices of SQL Server's texts that hold U+FFFD, which its driver writes for half of a surrogate pair (and swallows the
   * character behind it), and for bytes that Java's code pages lack: nothing here tells whether the source has it.
   */
  readonly doubtful: readonly number[];
}

/**
 * The record cannot be decoded (R7): DEBEZIUM_MALFORMED no JSON, DEBEZIUM_ENVELOPE not what Debezium sends, DEBEZIUM_TYPE a
 * field of the wrong type, DEBEZIUM_VALUE a value that is none of its type, DEBEZIUM_KEY_MISSING, DEBEZIUM_OTHER_TABLE.
 */
export interface DecodedPoison {
  readonly op: 'poison';
  /** As far as it could be read. */
  readonly key: readonly string[] | null;
  readonly source: SourceBlock | null;
  readonly code: 'DEBEZIUM_MALFORMED' | 'DEBEZIUM_ENVELOPE' | 'DEBEZIUM_TYPE' | 'DEBEZIUM_VALUE' | 'DEBEZIUM_KEY_MISSING' | 'DEBEZIUM_OTHER_TABLE';
  /** For people: names the field, no value in it. */
  readonly reason: string;
}

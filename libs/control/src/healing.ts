import type { EventCell, ParkedEvent, SchemaChange } from '@elstream/core';

/** A parked event or row (R7). Written by the warehouse in the batch's transaction, read and decided here. */
export interface DeadLetter extends Omit<ParkedEvent, 'position' | 'bytes' | 'committedAtUs' | 'dueHistory'> {
  readonly id: string;
  readonly pipeline: string;
  readonly state: 'parked' | 'replayed' | 'discarded';
  /** Commit position, hex; null for a row of a chunk. */
  readonly position: string | null;
  readonly bytes: Uint8Array;
  readonly committedAt: Date | null;
  readonly parkedAt: Date;
  readonly settledAt: Date | null;
  /** Why it was discarded, or what the last replay came to. */
  readonly note: string | null;
  /** How often a replay was tried and failed. */
  readonly replays: number;
  readonly row: readonly EventCell[] | null;
}

export interface DeadLetterFilter {
  readonly pipeline: string;
  readonly ids?: readonly string[];
  readonly table?: string;
  readonly code?: string;
  readonly state?: DeadLetter['state'];
}

export interface DeadLetterCount {
  readonly table: string;
  readonly code: string;
  readonly state: DeadLetter['state'];
  readonly count: number;
}

/** A table with parked dead letters of one code that can be replayed. */
export interface ReplayableTable {
  readonly table: string;
  readonly newestParkedAt: Date;
  /** How often that of them was tried in vain which was tried least. */
  readonly leastReplays: number;
}

/** A change of a source table's schema, and what was done about it. */
export interface SchemaChangeRecord {
  readonly id: string;
  readonly pipeline: string;
  readonly table: string;
  /**
   * `followed`: the warehouse fits it. `proposed`: the table is stopped, a person accepts (it is emptied and preloaded
   * again) or declines (it stays stopped). `obsolete`: the source's schema changed once more before anybody decided.
   */
  readonly state: 'followed' | 'proposed' | 'accepted' | 'declined' | 'obsolete';
  readonly change: Pick<SchemaChange, 'added' | 'dropped' | 'widened' | 'obstacles'>;
  readonly noticedAt: Date;
  readonly decidedAt: Date | null;
}

/** What the validation of one table in one run came to, kept for good. */
export interface ValidationRecord {
  readonly pipeline: string;
  readonly table: string;
  readonly runId: string;
  readonly scope: 'full' | 'sample' | 'changed' | 'range';
  /** End of the source's log when it began, hex: rows written up to there are what was looked at. */
  readonly position: string;
  readonly rowsCompared: number;
  readonly confirmedEqual: number;
  readonly unverified: number;
  readonly differences: number;
  readonly finishedAt: Date;
}

/** Part of the control store: what proving and healing keep. */
export interface HealingStore {
  /** Newest first; `after`: the id of the last one seen. Without bytes and row (null), which `readDeadLetter` gives. */
  readDeadLetters(filter: DeadLetterFilter & { readonly limit: number; readonly after?: string }): Promise<readonly DeadLetter[]>;
  readDeadLetter(id: string): Promise<DeadLetter | null>;
  countDeadLetters(pipeline: string): Promise<readonly DeadLetterCount[]>;
  /** By table those parked for this code that have a key. Looks at no other: the planner asks at each look. */
  replayableTables(pipeline: string, code: string): Promise<readonly ReplayableTable[]>;
  /** parked → discarded, with the reason; returns how many. */
  discardDeadLetters(filter: DeadLetterFilter, reason: string): Promise<number>;
  /** Notes that a replay was tried and failed; the dead letter stays parked. */
  noteReplay(id: string, note: string): Promise<void>;

  /** Notes a change; an undecided proposal of the table becomes obsolete. The same change (still undecided, or followed last) is noted once. */
  addSchemaChange(change: Omit<SchemaChangeRecord, 'id' | 'noticedAt' | 'decidedAt'>): Promise<SchemaChangeRecord>;
  /** Newest first. */
  readSchemaChanges(filter: { readonly pipeline: string; readonly table?: string; readonly state?: SchemaChangeRecord['state']; readonly limit: number }): Promise<readonly SchemaChangeRecord[]>;
  readSchemaChange(id: string): Promise<SchemaChangeRecord | null>;
  /** proposed → accepted or declined; false: it was decided already. */
  decideSchemaChange(id: string, state: 'accepted' | 'declined'): Promise<boolean>;

  /** Once per (run, table); a repetition replaces it. */
  saveValidation(record: Omit<ValidationRecord, 'finishedAt'>): Promise<void>;
  /** Newest first. `good`: without differences and unverified rows. */
  readValidations(filter: { readonly pipeline: string; readonly table?: string; readonly good?: boolean; readonly limit: number }): Promise<readonly ValidationRecord[]>;
}

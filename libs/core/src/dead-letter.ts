import type { EventCell } from './column-type';
import type { LogPosition } from './position';

/** What is parked: an event, or a row of a preload chunk, that the warehouse cannot take (R7). */
export interface ParkedEvent {
  readonly table: string;
  readonly origin: 'stream' | 'preload';
  /** `row`: of a chunk. `poison`: not decodable. */
  readonly op: 'insert' | 'update' | 'delete' | 'truncate' | 'row' | 'poison';
  /** Null where it could not be read. */
  readonly key: readonly string[] | null;
  /** The key before an update that moved the row. */
  readonly oldKey: readonly string[] | null;
  /** Decoded, in mapping order, masks applied; `undefined` is unknown (R6). Null for deletes and what cannot be decoded. */
  readonly row: readonly EventCell[] | null;
  /** As the stream delivered it, where it keeps that; otherwise the row codec's line. Masks are applied in it. */
  readonly bytes: Uint8Array;
  /** Stable, for people and for "1,000 for one reason": the error's code. */
  readonly code: string;
  /** For people: what was refused and the remedy; no value in it but the key. */
  readonly reason: string;
  /** Commit position; null for a row of a chunk. */
  readonly position: LogPosition | null;
  /** Microseconds since 1970; null for a row of a chunk. */
  readonly committedAtUs: bigint | null;
  /** The table's history is copied: the versions of these keys are due although the event is not applied. Absent: none. */
  readonly dueHistory?: readonly (readonly string[])[];
}

/** A cell of a dead letter's row as JSON: `{"unknown":true}` where no event carried it, NULL is null. */
export type DeadLetterCell = string | null | { readonly unknown: true };

/** `ParkedEvent.row` as it is kept (column `row`) and shown: unknown is told from NULL. */
export function encodeDeadLetterRow(row: readonly EventCell[]): DeadLetterCell[] {
  return row.map((cell) => (cell === undefined ? { unknown: true } : cell));
}

/** Throws TypeError for what `encodeDeadLetterRow` did not make. */
export function decodeDeadLetterRow(row: unknown): EventCell[] {
  if (!Array.isArray(row)) throw new TypeError('the row of a dead letter is not an array');
  return row.map((cell: unknown) => {
    if (cell === null || typeof cell === 'string') return cell;
    if (typeof cell === 'object' && (cell as { readonly unknown?: unknown }).unknown === true) return undefined;
    throw new TypeError('a cell of a dead letter is neither text nor NULL nor unknown');
  });
}

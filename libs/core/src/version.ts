import { ruleHolds } from './failpoint';
import { LogPosition } from './position';

/**
 * The decisions of R3–R5 as pure functions. Small writes call them; the set-based SQL of a warehouse adapter states
 * the same predicates (a test holds the two together); the model test explores them.
 */

/** A row's or delete marker's version (R5): compared as (epoch, kind, position), kind *preload* below *stream*. */
export interface Version {
  readonly epoch: number;
  readonly kind: 'preload' | 'stream';
  /** Counts for nothing where kind is preload. */
  readonly position: LogPosition;
}

/** What stands at a key: a row, a delete marker, or nothing. */
export type Standing =
  | { readonly is: 'row'; readonly version: Version }
  | { readonly is: 'marker'; readonly version: Version }
  | { readonly is: 'nothing' };

/** The table's memory of its last truncate (R6): the epoch it fell in and its position; null: none. */
export type TruncateMemory = { readonly epoch: number; readonly position: LogPosition } | null;

export function sameTruncate(a: TruncateMemory, b: TruncateMemory): boolean {
  if (a === null || b === null) return a === b;
  return a.epoch === b.epoch && a.position.compare(b.position) === 0;
}

/** Negative: `a` is older. Positions are never compared across epochs or kinds. */
export function compareVersions(a: Version, b: Version): number {
  if (a.epoch !== b.epoch) return a.epoch - b.epoch;
  if (a.kind !== b.kind) return a.kind === 'preload' ? -1 : 1;
  return a.kind === 'preload' ? 0 : a.position.compare(b.position);
}

/** R5: a write strictly below what stands is ignored; an equal one (same transaction) is applied. R6: so is one older than a truncate of its epoch. */
export function decide(standing: Standing, write: Version, truncated: TruncateMemory): 'apply' | 'ignore' {
  if (truncated !== null && truncated.epoch === write.epoch && write.kind === 'stream' && write.position.isBelow(truncated.position)) {
    return 'ignore';
  }
  if (standing.is === 'nothing') return 'apply';
  return compareVersions(write, standing.version) < 0 ? 'ignore' : 'apply';
}

/**
 * R4: a preload row of `epoch` fills a place only if the stream has not touched that key in this epoch (row or
 * marker), and the table was not truncated in it. Never over a newer epoch. R5's positions play no part.
 */
export function mayFill(standing: Standing, epoch: number, truncated: TruncateMemory): boolean {
  if (truncated !== null && truncated.epoch >= epoch) return false;
  if (standing.is === 'nothing') return true;
  const { version } = standing;
  if (version.epoch !== epoch) return version.epoch < epoch;
  return version.kind === 'preload';
}

/** R6: an unknown column may be left as it stands only in a row of the current epoch; otherwise it is read again by key. */
export function mayKeepUnknown(standing: Standing, epoch: number): boolean {
  return standing.is === 'row' && standing.version.epoch === epoch;
}

/**
 * R6: a moved row's unknown columns may come from the row that stands at its old key only where that row is exactly what
 * stood there when it moved. A preload row, or one read again by key, was read later than the move may lie: it can be
 * another row that took the key since. That is over when the table is live and the stream has passed `rereadUntil`,
 * the log position noted after the last such read; until then the new key is read again instead.
 */
export function mayCarry(table: { readonly live: boolean; readonly rereadUntil: LogPosition | null }, position: LogPosition): boolean {
  return table.live && (table.rereadUntil === null || table.rereadUntil.isBelow(position));
}

/** R4: the sweep at the end of a preload takes rows of older epochs, judged in that transaction. */
export function isSwept(version: Version, epoch: number): boolean {
  return version.epoch < epoch;
}

/** R5: a delete leaves a marker as long as the table preloads or a validation, repair or dead letter of it is open. */
export function leavesMarker(table: { readonly preloading: boolean; readonly openUses: number }): boolean {
  return table.preloading || table.openUses > 0;
}

/** What stands is what was read (R9): same row or marker, of the same version. */
export function sameStanding(a: Standing, b: Standing): boolean {
  if (a.is === 'nothing' || b.is === 'nothing') return a.is === b.is;
  return a.is === b.is && compareVersions(a.version, b.version) === 0;
}

/**
 * R9: the position a repair is written at, of kind stream: that of a row or marker which the stream wrote in this epoch,
 * else the lowest, so that every event which has not been applied yet is applied over it.
 */
export function repairPosition(standing: Standing, epoch: number): LogPosition {
  return standing.is !== 'nothing' && standing.version.epoch === epoch && standing.version.kind === 'stream' ? standing.version.position : LogPosition.ZERO;
}

/** Events of a table count (R4, R7): its preload has begun, and it was not stopped. */
export function takesEvents(table: { readonly epoch: number; readonly phase: string }): boolean {
  return table.epoch > 0 && table.phase !== 'new' && table.phase !== 'stopped';
}

/** R3: strictly below the partition's highest position is a re-emission. `highest` null: nothing applied since a reset. */
export function isReemission(position: LogPosition, highest: LogPosition | null): boolean {
  return highest !== null && position.isBelow(highest);
}

/** R3: a partition's highest position, raised event by event as a batch is gone through. */
export class RunningHighest {
  /** @param at null: nothing applied since a reset */
  constructor(private at: LogPosition | null) {}

  get position(): LogPosition | null {
    return this.at;
  }

  /** False for a re-emission; any other event raises the highest. */
  accepts(position: LogPosition): boolean {
    if (ruleHolds('R3-reemission-skip') && isReemission(position, this.at)) return false;
    this.at = this.at === null ? position : LogPosition.max(this.at, position);
    return true;
  }
}

import { decide, isReemission, leavesMarker, LogPosition, mayFill, mayKeepUnknown, type Standing, type TruncateMemory, type Version } from '@elstream/core';
import { at, PRELOAD, STREAM } from './layout';
import { type World } from './world';

/**
 * The bridge from a state's bytes to the product's pure decisions. The objects they take are made once and reused:
 * there are few positions and epochs in a model. Wrong variants answer here, beside the decision they replace.
 */
const POSITIONS: readonly LogPosition[] = Array.from({ length: 256 }, (_, n) => (n === 0 ? LogPosition.ZERO : LogPosition.fromBigInt(BigInt(n), 1)));
const NOTHING: Standing = { is: 'nothing' };
const versions: Version[] = [];
const rows: Standing[] = [];
const markers: Standing[] = [];
const truncates: TruncateMemory[] = [];

/** 0 is the lowest position, which only preload rows, repairs and resets have. */
export function positionOf(n: number): LogPosition {
  return POSITIONS[n] as LogPosition;
}

export function versionOf(epoch: number, kind: number, position: number): Version {
  const index = ((epoch * 2 + kind) << 8) | position;
  return (versions[index] ??= { epoch, kind: kind === PRELOAD ? 'preload' : 'stream', position: positionOf(position) });
}

/** The row as a standing, from its version. */
export function rowStanding(epoch: number, kind: number, position: number): Standing {
  const index = ((epoch * 2 + kind) << 8) | position;
  return (rows[index] ??= { is: 'row', version: versionOf(epoch, kind, position) });
}

export function markerStanding(epoch: number, position: number): Standing {
  const index = (epoch << 8) | position;
  return (markers[index] ??= { is: 'marker', version: versionOf(epoch, STREAM, position) });
}

/** What stands at a key of the warehouse, in the state being made. */
export function standingAt(w: World, k: number): Standing {
  const { c, f } = w;
  if (at(c, f.rowValue + k) !== 0) return rowStanding(at(c, f.rowEpoch + k), at(c, f.rowKind + k), at(c, f.rowPosition + k));
  if (at(c, f.markerEpoch + k) !== 0) return markerStanding(at(c, f.markerEpoch + k), at(c, f.markerPosition + k));
  return NOTHING;
}

export function truncateMemory(w: World): TruncateMemory {
  const { c, f } = w;
  const epoch = at(c, f.truncateEpoch);
  if (epoch === 0) return null;
  const position = at(c, f.truncatePosition);
  return (truncates[(epoch << 8) | position] ??= { epoch, position: positionOf(position) });
}

/** R5, R6: whether a stream write at `position` in `epoch` is older than what stands at the key. */
export function isIgnored(w: World, k: number, write: { readonly epoch: number; readonly position: number }): boolean {
  switch (w.config.guard) {
    case 'version':
      return decide(standingAt(w, k), versionOf(write.epoch, STREAM, write.position), truncateMemory(w)) === 'ignore';
    case 'position': {
      const standing = standingAt(w, k);
      return standing.is !== 'nothing' && positionOf(write.position).isBelow(standing.version.position);
    }
    case 'off':
      return false;
  }
}

/** R4: whether a preload row of `epoch` fills the place. */
export function isFilled(w: World, k: number, epoch: number): boolean {
  const standing = standingAt(w, k);
  const position = positionOf(preloadPosition(w));
  switch (w.config.fill) {
    case 'untouched':
      return mayFill(standing, epoch, truncateMemory(w));
    case 'always':
      return true;
    case 'untouched, not older':
      return mayFill(standing, epoch, truncateMemory(w)) && !(standing.is === 'row' && position.isBelow(standing.version.position));
    case 'by position':
      return standing.is === 'nothing' || !position.isBelow(standing.version.position);
    case 'by position, ties to the stream':
      if (standing.is === 'nothing' || (standing.is === 'row' && standing.version.epoch < at(w.c, w.f.epoch))) return true;
      return standing.version.position.isBelow(position);
  }
}

/** The position a preload row is stamped with; in the product it counts for nothing. */
export function preloadPosition(w: World): number {
  return w.config.preloadPosition === 'zero' ? 0 : at(w.c, w.f.l0);
}

/** R5: whether a delete in `epoch` leaves a marker. A zombie with an old epoch leaves none. */
export function isMarked(w: World, epoch: number): boolean {
  const { c, f, config } = w;
  if (!config.markers || (config.epochRead !== 'in transaction' && epoch !== at(c, f.epoch))) return false;
  const repair = config.repairCondition === 'epoch, row and marker' && at(c, f.repairOpen) !== 0 ? 1 : 0;
  const letter = config.replay === 'with its epoch, markers kept' && at(c, f.deadLetter) !== 0 ? 1 : 0;
  return leavesMarker({ preloading: at(c, f.preloading) !== 0, openUses: repair + letter });
}

/** R6: whether an unknown column stays as it stands. */
export function isKept(w: World, k: number, epoch: number): boolean {
  const standing = standingAt(w, k);
  return mayKeepUnknown(standing, epoch) || (w.config.keepUnknownOfOldEpoch && standing.is === 'row');
}

/** R3: whether an event at `position` was applied before; `highest` 0: none since a reset. */
export function isRepeated(position: number, highest: number): boolean {
  return isReemission(positionOf(position), highest === 0 ? null : positionOf(highest));
}

import { type Config } from './config';

/** Byte that stands for "none" where 0 is a value. */
export const NONE = 0xff;
/** Both databases hold two keys, a and b. */
export const KEYS = [0, 1] as const;
export const KEY_NAMES = ['a', 'b'] as const;
/** Kinds of an event, as a byte. `PUT_X` is an update that does not carry the extra column. */
export const DELETE = 0;
export const PUT = 1;
export const PUT_X = 2;
export const TRUNCATE = 3;
/** Kinds of a row's version, as a byte. */
export const PRELOAD = 0;
export const STREAM = 1;

/** One byte of a state; layouts give the index, so it is always there. */
export function at(bytes: Uint8Array, index: number): number {
  return bytes[index] as number;
}

/** Adds to one byte. */
export function bump(bytes: Uint8Array, index: number, by = 1): void {
  bytes[index] = at(bytes, index) + by;
}

/**
 * Where each variable of the model lies in a state's bytes. Variables per key, partition, event or transaction are
 * arrays: `layout.rowValue + key`. Values of rows: 0 absent, e+1 written by event e, 0x40.. initial, 0x50.. drifted.
 */
export class Layout {
  private bytes = 0;
  readonly size: number;
  // source
  readonly events;
  readonly eventKey;
  readonly eventKind;
  readonly eventTx;
  readonly txCount;
  readonly txPosition;
  readonly txPrevious;
  readonly clock;
  readonly emptyLeft;
  readonly sourceValue;
  readonly sourceExtra;
  readonly visibleValue;
  readonly visibleExtra;
  /** Per key: 1 + the transaction that wrote it and is not visible to reads yet. */
  readonly pendingTx;
  readonly valueAtCapture;
  readonly initialValue;
  readonly openTx;
  readonly replicaAt;
  // capture and log
  readonly capturing;
  /** Next event to emit. */
  readonly captured;
  readonly captureFloor;
  readonly captureReached;
  readonly crashesLeft;
  readonly zombieAt;
  readonly previousCommit;
  readonly logLength;
  readonly logEvent;
  readonly logPosition;
  readonly logStart;
  /** First offset from which the log is whole and of the present identity (R3). */
  readonly wholeFrom;
  readonly startOffset;
  // checkpoint and streamers
  readonly nextOffset;
  readonly highest;
  readonly streamerPartition;
  readonly streamerFrom;
  readonly streamerCount;
  readonly streamerEpoch;
  // preload
  readonly epoch;
  readonly phase;
  readonly preloading;
  readonly live;
  readonly l0;
  readonly endOfLog;
  readonly waitList;
  readonly replicaWaitFor;
  readonly chunkDone;
  readonly heldValue;
  readonly heldExtra;
  readonly heldEpoch;
  readonly heldDecision;
  readonly lateReadDone;
  // warehouse
  readonly rowValue;
  readonly rowExtra;
  readonly rowPosition;
  readonly rowEpoch;
  readonly rowKind;
  readonly markerEpoch;
  readonly markerPosition;
  readonly truncatePosition;
  readonly truncateEpoch;
  readonly history;
  /** Per key: differs from the start, and nothing that must heal it has happened yet. */
  readonly drifted;
  readonly needsPreload;
  readonly wasReset;
  // budgets
  readonly reloadsLeft;
  readonly resetsLeft;
  readonly retentionsLeft;
  readonly gapsLeft;
  readonly restoresLeft;
  readonly repairsLeft;
  readonly parksLeft;
  // repair and dead letter
  readonly repairStep;
  readonly repairKey;
  readonly repairOpen;
  readonly repairSawRow;
  readonly repairSawPosition;
  readonly repairSawEpoch;
  readonly repairSawKind;
  readonly repairSawMarkerEpoch;
  readonly repairSawMarkerPosition;
  readonly repairSawOffset;
  readonly repairSawTableEpoch;
  readonly repairValue;
  readonly repairExtra;
  readonly repairWaitList;
  readonly deadLetter;
  readonly deadLetterEpoch;
  readonly deadLetterPosition;

  /** Transactions the model has room for: its own, the ones without captured rows, and the open one. */
  readonly maxTx: number;

  constructor(config: Config) {
    const { partitions: P, events: E, logEntries: L } = config;
    const T = config.transactions + config.emptyTransactions + 1;
    this.maxTx = T;
    this.events = this.take();
    this.eventKey = this.take(E);
    this.eventKind = this.take(E);
    this.eventTx = this.take(E);
    this.txCount = this.take();
    this.txPosition = this.take(T);
    this.txPrevious = this.take(T);
    this.clock = this.take();
    this.emptyLeft = this.take();
    [this.sourceValue, this.sourceExtra, this.visibleValue, this.visibleExtra] = this.perKey4();
    [this.pendingTx, this.valueAtCapture, this.initialValue] = this.perKey4();
    [this.openTx, this.replicaAt, this.capturing, this.captured] = this.four();
    [this.captureFloor, this.captureReached, this.crashesLeft, this.zombieAt] = this.four();
    this.previousCommit = this.take();
    this.logLength = this.take(P);
    this.logEvent = this.take(P * L);
    this.logPosition = this.take(P * L);
    this.logStart = this.take(P);
    this.wholeFrom = this.take(P);
    this.startOffset = this.take(P);
    this.nextOffset = this.take(P);
    this.highest = this.take(P);
    [this.streamerPartition, this.streamerFrom, this.streamerCount, this.streamerEpoch] = this.perKey4();
    [this.epoch, this.phase, this.preloading, this.live] = this.four();
    [this.l0, this.endOfLog, this.replicaWaitFor, this.lateReadDone] = this.four();
    this.waitList = this.take(T);
    this.chunkDone = this.take(2);
    this.heldValue = this.take(4);
    this.heldExtra = this.take(4);
    this.heldEpoch = this.take(4);
    this.heldDecision = this.take(4);
    [this.rowValue, this.rowExtra, this.rowPosition, this.rowEpoch] = this.perKey4();
    [this.rowKind, this.markerEpoch, this.markerPosition, this.drifted] = this.perKey4();
    [this.truncatePosition, this.truncateEpoch, this.needsPreload, this.wasReset] = this.four();
    this.history = this.take(E);
    [this.reloadsLeft, this.resetsLeft, this.retentionsLeft, this.gapsLeft] = this.four();
    [this.restoresLeft, this.repairsLeft, this.parksLeft, this.repairStep] = this.four();
    [this.repairKey, this.repairOpen, this.repairSawRow, this.repairSawPosition] = this.four();
    [this.repairSawEpoch, this.repairSawKind, this.repairSawMarkerEpoch, this.repairSawMarkerPosition] = this.four();
    [this.repairSawOffset, this.repairSawTableEpoch, this.repairValue, this.repairExtra] = this.four();
    this.repairWaitList = this.take(T);
    [this.deadLetter, this.deadLetterEpoch, this.deadLetterPosition] = this.four();
    this.size = this.bytes;
  }

  private take(count = 1): number {
    const offset = this.bytes;
    this.bytes += count;
    return offset;
  }

  private four(): [number, number, number, number] {
    return [this.take(), this.take(), this.take(), this.take()];
  }

  private perKey4(): [number, number, number, number] {
    return [this.take(2), this.take(2), this.take(2), this.take(2)];
  }
}

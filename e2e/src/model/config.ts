/** What one source transaction does: see `source.ts`. */
export type TransactionShape = 'put' | 'del' | 'move' | 'putput' | 'putdel' | 'delput' | 'putX' | 'putputX' | 'trunc' | 'truncput' | 'puttrunc';
/** A warehouse row at the start of a `live` model: as the source has it or not, written by preload (p) or stream (s). */
export type Drift = 'ok:s' | 'ok:p' | 'wrong:s' | 'wrongY:s' | 'missing';
export type PreloadStep = 'switch' | 'L0' | 'list';

/** Sizes of the model: how much may happen. Every number is a budget that the search uses up in every possible way. */
export interface Bounds {
  readonly partitions: 1 | 2;
  readonly transactions: number;
  readonly events: number;
  /** Log entries per partition, re-emissions included. */
  readonly logEntries: number;
  readonly shapes: readonly TransactionShape[];
  /** Which of the keys a and b the source holds at first. */
  readonly inits: readonly (readonly [number, number])[];
  /** `initial`: nothing preloaded yet; `live`: epoch 1 is preloaded and streaming. */
  readonly start: 'initial' | 'live';
  readonly drifts: readonly Drift[];
  readonly batch: readonly number[];
  /** Streamers that take a batch and commit it in two steps; 0: batches are one step. */
  readonly streamers: number;
  /** Preload workers; a second one is the stalled duplicate. */
  readonly workers: number;
  /** A second worker may read a chunk at any time once. */
  readonly lateRead: boolean;
  readonly connectorCrashes: number;
  readonly emptyTransactions: number;
  readonly reloads: number;
  readonly aborts: boolean;
  readonly resets: number;
  readonly retentions: number;
  /** Whether retention may take what is not applied yet. */
  readonly retentionLoses: boolean;
  readonly gaps: number;
  readonly restores: number;
  readonly repairs: number;
  readonly parks: number;
  /** A committed transaction may be invisible to reads for a while. */
  readonly visibilityLag: boolean;
  /** Preload reads from a replica that lies behind. */
  readonly replica: boolean;
  /** A transaction is open since before capture began: only part of it is captured. */
  readonly openTransaction: boolean;
  /** Rows have a second column that events may not carry. */
  readonly unknownColumns: boolean;
  /** Also check, in states that are not quiesced, that the warehouse is the source as of its checkpoint. */
  readonly checkConsistent: boolean;
}

/** How the rules are followed. `PRODUCT` is what we build; every other value is a mutant or a variant found safe. */
export interface Rules {
  /** R2: the checkpoint moves only from where the batch was taken. */
  readonly checkpointCondition: boolean;
  /** R3: re-emissions are compared with a running highest, or with the one at the batch's start. */
  readonly highestIn: 'running' | 'start';
  /** R3: `previous`: Debezium's position of the commit *before*, which a re-emission can change. */
  readonly positions: 'commit' | 'previous';
  readonly history: 'stable' | 'counted';
  readonly lateOffsetFlush: boolean;
  readonly zombieConnector: boolean;
  /** R3: answering a gap moves checkpoints behind it in the transaction that raises the epoch. */
  readonly gapMovesCheckpoint: boolean;
  readonly gapKeepsHighest: boolean;
  readonly jump: 'with switch' | 'separate';
  /** R4 */
  readonly order: readonly PreloadStep[];
  readonly waitForTransactions: boolean;
  readonly replicaWait: boolean;
  /** Start offsets are where the log ends when L0 is read; else the stream begins with the log. */
  readonly streamFromL0: boolean;
  readonly earlyStream: boolean;
  readonly fill: 'untouched' | 'always' | 'untouched, not older' | 'by position' | 'by position, ties to the stream';
  readonly fillAtomic: boolean;
  readonly fence: 'task and run' | 'task' | 'none';
  readonly endOfLogAt: 'finish' | 'L0';
  /** R5 */
  readonly guard: 'version' | 'position' | 'off';
  readonly preloadPosition: 'zero' | 'L0' | 'log end';
  readonly epochRead: 'in transaction' | 'with the batch' | 'by process';
  readonly markers: boolean;
  readonly keepOpenMarkers: boolean;
  readonly sweep: boolean;
  /** R6 */
  readonly truncateMemory: boolean;
  readonly foldMerges: boolean;
  readonly keepUnknownOfOldEpoch: boolean;
  readonly rereadWait: boolean;
  readonly rereadNothing: 'writes nothing' | 'deletes';
  /** The warehouse takes both keys for equal, the broker does not. */
  readonly keysCollide: boolean;
  /** R7 */
  readonly replay: 'repair' | 'plain' | 'with its epoch, markers kept';
  /** R9 */
  readonly repairCondition: 'epoch, row and marker' | 'row position' | 'present row' | 'checkpoint' | 'lock';
  readonly repairWait: boolean;
  readonly repairTouches: boolean;
  readonly repairPosition: 'kept' | 'end of log';
}

export type Config = Bounds & Rules;

export const PRODUCT: Rules = {
  checkpointCondition: true,
  highestIn: 'running',
  positions: 'commit',
  history: 'stable',
  lateOffsetFlush: false,
  zombieConnector: false,
  gapMovesCheckpoint: true,
  gapKeepsHighest: false,
  jump: 'with switch',
  order: ['switch', 'L0', 'list'],
  waitForTransactions: true,
  replicaWait: true,
  streamFromL0: true,
  earlyStream: false,
  fill: 'untouched',
  fillAtomic: true,
  fence: 'task and run',
  endOfLogAt: 'finish',
  guard: 'version',
  preloadPosition: 'zero',
  epochRead: 'in transaction',
  markers: true,
  keepOpenMarkers: true,
  sweep: true,
  truncateMemory: true,
  foldMerges: true,
  keepUnknownOfOldEpoch: false,
  rereadWait: true,
  rereadNothing: 'writes nothing',
  keysCollide: false,
  replay: 'repair',
  repairCondition: 'epoch, row and marker',
  repairWait: true,
  repairTouches: true,
  repairPosition: 'kept',
};

export const SMALL: Bounds = {
  partitions: 2,
  transactions: 3,
  events: 5,
  logEntries: 8,
  shapes: ['put', 'del', 'move', 'putput', 'putdel', 'delput'],
  inits: [
    [0, 0],
    [1, 0],
    [1, 1],
  ],
  start: 'initial',
  drifts: ['ok:s'],
  batch: [1, 2],
  streamers: 0,
  workers: 1,
  lateRead: false,
  connectorCrashes: 0,
  emptyTransactions: 0,
  reloads: 0,
  aborts: false,
  resets: 0,
  retentions: 0,
  retentionLoses: true,
  gaps: 0,
  restores: 0,
  repairs: 0,
  parks: 0,
  visibilityLag: false,
  replica: false,
  openTransaction: false,
  unknownColumns: false,
  checkConsistent: false,
};

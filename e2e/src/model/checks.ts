import { PRODUCT, SMALL, type Bounds, type Config, type Drift, type Rules, type TransactionShape } from './config';

/** One statement about the rules: it holds in every state within its bounds, or a counterexample must be found. */
export interface Check {
  readonly name: string;
  readonly config: Config;
  /** `violated`: the rules named in it are wrong on purpose, or shown to be needed. */
  readonly expected: 'holds' | 'violated';
  /** The bounds of `npm test`, where the full ones are too large for it. */
  readonly reduced: Partial<Bounds> | null;
}

type Settings = Partial<Bounds> & Partial<Rules>;

const holds = (name: string, settings: Settings, reduced: Partial<Bounds> | null = null): Check => ({ name, config: { ...SMALL, ...PRODUCT, ...settings }, expected: 'holds', reduced });
const violated = (name: string, settings: Settings, reduced: Partial<Bounds> | null = null): Check => ({ name, config: { ...SMALL, ...PRODUCT, ...settings }, expected: 'violated', reduced });

/** One or two partitions, so many transactions, events and log entries. */
const p1 = (transactions: number, events: number, logEntries = events): Partial<Bounds> => ({ partitions: 1, transactions, events, logEntries });
const p2 = (transactions: number, events: number, logEntries = events): Partial<Bounds> => ({ partitions: 2, transactions, events, logEntries });

const live: Settings = { start: 'live' };
const reload: Settings = { start: 'live', drifts: ['ok:s', 'ok:p'], reloads: 1 };
const anyDrift: readonly Drift[] = ['ok:s', 'ok:p', 'wrong:s', 'missing'];
const putDel: readonly TransactionShape[] = ['put', 'del'];
const truncates: readonly TransactionShape[] = ['put', 'del', 'trunc', 'truncput', 'puttrunc'];
const unknowns: readonly TransactionShape[] = ['put', 'del', 'putX', 'putputX'];
const untouching: Settings = { repairTouches: false, repairWait: false };

const r2: readonly Check[] = [
  violated('R2.1 checkpoint unconditional, 2 streamers', { ...live, ...p1(2, 3, 5), streamers: 2, checkpointCondition: false }),
  holds('R2.2 checkpoint conditional, 2 streamers, crashes, connector restart', { ...live, ...p2(3, 4, 5), streamers: 2, connectorCrashes: 1 }, p2(2, 2, 3)),
  holds('R2.3 same + 2 resets (offset ABA) + retention', { ...live, ...p1(3, 4), resets: 2, retentions: 1, retentionLoses: false, streamers: 2 }, p1(2, 2)),
];

const r3: readonly Check[] = [
  violated("R3.1 highest = the checkpoint's at batch start", { ...live, ...p1(2, 3, 5), connectorCrashes: 1, highestIn: 'start', checkConsistent: true }),
  holds('R3.2 running highest', { ...live, ...p2(3, 4, 6), connectorCrashes: 2, checkConsistent: true }, p2(2, 3, 5)),
  violated('R3.3 late offset flush of a dead connector', { ...live, ...p1(2, 3, 5), connectorCrashes: 2, lateOffsetFlush: true }),
  violated('R3.4 old and new connector overlap', { ...live, ...p1(2, 3, 6), connectorCrashes: 1, zombieConnector: true }),
  violated('R3.5 history identity with unstable serial', { ...live, ...p1(1, 2, 5), connectorCrashes: 1, history: 'counted' }),
  violated('R3.6 previous-commit positions change on re-emission', { ...live, ...p1(2, 3, 5), positions: 'previous', emptyTransactions: 1, connectorCrashes: 1 }),
  holds('R3.7 true commit positions, same', { ...live, ...p1(2, 3, 5), emptyTransactions: 1, connectorCrashes: 1 }),
  violated('R3.8 restored source, highest kept', { ...live, ...p1(2, 2), restores: 1, reloads: 1, gapKeepsHighest: true, shapes: putDel }),
  violated('R3.9 restored source, old lineage still in the log', { ...live, ...p1(2, 2), restores: 1, reloads: 1, gapMovesCheckpoint: false, shapes: putDel }),
  violated('R3.10 restored source, guard compares positions across lineages', { ...live, ...p1(2, 2), restores: 1, reloads: 1, guard: 'position', shapes: putDel }),
  holds('R3.11 restored source, switch starts after old lineage, highest cleared, guard (epoch,kind,pos)', { ...live, ...p2(3, 4), restores: 1, reloads: 1 }, p2(2, 2)),
  violated('R3.12 lost in the broker: switch first, jump later, batch in hand', { ...live, ...p1(3, 3), retentions: 1, reloads: 1, streamers: 1, jump: 'separate', shapes: putDel }, p1(2, 2)),
  holds('R3.13 lost in the broker: jump in the switch', { ...live, ...p1(2, 3), retentions: 1, reloads: 1, streamers: 2 }, { ...p1(2, 2), streamers: 1 }),
  violated('R3.14 lost before the broker (gap inside the topic): switch only', { ...live, ...p1(2, 2), gaps: 1, reloads: 1, gapMovesCheckpoint: false, shapes: putDel }),
  holds('R3.15 gap: switch starts after the gap', { ...live, ...p2(3, 4), gaps: 1, reloads: 1 }, p2(2, 2)),
];

const r4: readonly Check[] = [
  violated('R4.1 no delete markers', { ...p1(2, 3), markers: false }),
  violated('R4.2 fill overwrites touched rows', { ...p1(2, 3), fill: 'always' }),
  violated('R4.3 visibility lag, R4(2) off', { ...p1(2, 3), visibilityLag: true, waitForTransactions: false }),
  violated('R4.4 visibility lag, list read before L0', { ...p1(2, 3), visibilityLag: true, order: ['switch', 'list', 'L0'] }),
  holds('R4.5 visibility lag, L0 then list', { ...p2(3, 4), visibilityLag: true }, p2(2, 2)),
  holds('R4.6 list before L0 but stream from capture start', { ...p1(2, 3), visibilityLag: true, order: ['switch', 'list', 'L0'], streamFromL0: false }, p1(2, 2)),
  violated('R4.7 partly captured open transaction, R4(2) off', { ...p1(1, 2, 3), openTransaction: true, waitForTransactions: false, shapes: ['put'] }),
  holds('R4.8 partly captured open transaction, R4(2) on', { ...p2(2, 4), openTransaction: true }, p2(1, 3)),
  violated('R4.9 fill looks first, writes later', { ...p1(2, 2, 3), fillAtomic: false }),
  violated('R4.10 stalled duplicate worker, no fence', { ...p1(2, 2, 3), workers: 2, fence: 'none' }),
  violated('R4.11 fence by task only, run aborted and restarted', { ...live, ...p1(1, 1), reloads: 2, aborts: true, fence: 'task', workers: 2, shapes: putDel }),
  holds('R4.12 fence by task and run', { ...p2(2, 3), workers: 2, lateRead: true }, p1(1, 2)),
  holds('R4.13 fence by task and run, aborts', { ...live, ...p1(2, 2), reloads: 2, aborts: true, workers: 2, lateRead: true, shapes: putDel }, p1(1, 1)),
  violated('R4.14 H read at L0', { ...p1(1, 1), endOfLogAt: 'L0', checkConsistent: true }),
  holds('R4.15 H after the last chunk: wh = source at checkpoint', { ...p2(3, 4), checkConsistent: true }, p2(2, 3)),
  violated('R4.16 start offset moved forward inside an epoch', { ...p1(2, 3), earlyStream: true }),
  violated('R4.17 replica behind, no extra wait, initial', { ...p1(1, 1), replica: true, replicaWait: false }),
  violated('R4.18 replica behind, no extra wait, re-preload', { ...live, ...p1(2, 2), reloads: 1, replica: true, replicaWait: false, shapes: putDel }),
  holds('R4.19 replica waited for, initial', { ...p2(3, 4), replica: true }, p2(2, 2)),
  holds('R4.20 replica waited for, re-preload', { ...live, reloads: 1, ...p2(3, 4), replica: true }, p2(2, 2)),
];

const r5: readonly Check[] = [
  violated('R5.1 epoch cached across batches', { ...reload, ...p1(2, 2, 3), streamers: 1, epochRead: 'by process', batch: [1] }),
  holds('R5.2 epoch read once per batch after its events', { ...reload, ...p1(2, 2, 3), streamers: 1, epochRead: 'with the batch', visibilityLag: true }, p1(1, 2)),
  holds('R5.3 epoch in the transaction, 2 streamers', { ...reload, ...p2(2, 4), streamers: 2 }, p1(2, 2)),
  violated('R5.4 fill obeys the position guard, preload position lowest', { ...reload, ...p1(2, 2, 3), fill: 'untouched, not older', guard: 'position' }),
  violated('R5.5 fill obeys the position guard, stamped L0, L0 before switch', {
    ...reload,
    ...p1(2, 2, 3),
    fill: 'untouched, not older',
    guard: 'position',
    preloadPosition: 'L0',
    order: ['L0', 'list', 'switch'],
  }),
  violated('R5.6 L0 and list before the switch, lag', { ...reload, ...p1(2, 2, 3), visibilityLag: true, order: ['L0', 'list', 'switch'] }),
  holds('R5.7 switch, L0, list, lag', { ...reload, ...p1(2, 3, 4), visibilityLag: true }, p1(2, 2)),
  holds('R5.8 drift healed, sweep at once after the last chunk', { ...reload, drifts: anyDrift, ...p2(2, 4) }, p1(1, 2)),
  violated('R5.9 no sweep', { ...reload, drifts: anyDrift, ...p1(0, 1), sweep: false }),
  holds('R5.10 reset: highest cleared, retention', { ...live, ...p1(3, 5), resets: 2, retentions: 2, retentionLoses: false }, p1(2, 3)),
  holds('R5.11 reset during initial preload', { ...p1(2, 3, 4), resets: 1 }, p1(2, 2)),
  holds('R5.12 reset during re-preload', { ...reload, ...p1(2, 3, 4), resets: 1 }, p1(2, 2)),
  holds('R5.13 reset with the row guard switched off', { ...live, ...p1(3, 3), resets: 1, guard: 'off' }),
];

/** Filling by comparing positions: safe or not, we do not build it. */
const byPosition: readonly Check[] = [
  holds('N.1 numeric, true positions, L0 delivered, lag', { ...p1(3, 3), fill: 'by position', guard: 'position', preloadPosition: 'L0', visibilityLag: true }, p1(2, 2)),
  holds('N.2 numeric, true positions, L0 log end, lag', { ...p1(3, 3), fill: 'by position', guard: 'position', preloadPosition: 'log end', visibilityLag: true }, p1(2, 2)),
  violated('N.3 numeric, previous-commit, L0 delivered, ties to the fill', { ...p1(2, 3), fill: 'by position', guard: 'position', preloadPosition: 'L0', positions: 'previous' }),
  holds('N.4 numeric, previous-commit, L0 delivered, ties to the stream', {
    ...p1(3, 3),
    fill: 'by position, ties to the stream',
    guard: 'position',
    preloadPosition: 'L0',
    positions: 'previous',
    visibilityLag: true,
  }, p1(2, 2)),
  violated('N.5 touch fill, numeric guard, previous-commit, L0 log end', { ...p1(2, 3), guard: 'position', preloadPosition: 'log end', positions: 'previous' }),
  holds('N.6 rules as written (lex), previous-commit', { ...p2(3, 4), positions: 'previous' }, p2(2, 3)),
];

const r6: readonly Check[] = [
  violated('R6.1 truncate, delete markers only for rows present', { ...p1(1, 1), shapes: ['trunc'], truncateMemory: false }),
  holds('R6.2 truncate touches every key of the epoch', { ...p1(3, 4), shapes: truncates }, p1(2, 3)),
  violated('R6.3 truncate, 2 partitions, no memory', { ...live, ...p2(2, 2), shapes: ['put', 'trunc'], truncateMemory: false }),
  holds('R6.4 truncate, 2 partitions, position kept', { ...live, ...p2(3, 3), shapes: ['put', 'del', 'trunc'] }),
  violated('R6.5 truncate + insert in one transaction, 2 partitions', { ...live, ...p2(2, 3), shapes: ['put', 'truncput', 'puttrunc'] }),
  violated('R6.6 unknown column, naive compaction', { ...live, ...p1(1, 2), unknownColumns: true, foldMerges: false, rereadWait: false, shapes: ['put', 'putX', 'putputX'] }),
  violated('R6.7 unknown column kept from an older epoch', {
    ...live,
    drifts: ['wrongY:s'],
    ...p1(1, 1),
    unknownColumns: true,
    reloads: 1,
    keepUnknownOfOldEpoch: true,
    shapes: ['putX'],
    inits: [[1, 0]],
  }),
  violated('R6.8 unknown column, re-read without wait, lag', { ...p1(2, 3), visibilityLag: true, unknownColumns: true, rereadWait: false, shapes: unknowns }),
  violated('R6.9 unknown column, re-read finding nothing taken as delete, lag', {
    ...p1(2, 3),
    visibilityLag: true,
    unknownColumns: true,
    rereadWait: false,
    rereadNothing: 'deletes',
    shapes: unknowns,
  }),
  holds('R6.10 unknown column, all fixes, initial, lag', { ...p1(2, 3), visibilityLag: true, unknownColumns: true, shapes: unknowns }, p1(2, 2)),
  holds(
    'R6.11 unknown column, all fixes, re-preload, drift, lag',
    { ...live, drifts: ['ok:s', 'wrongY:s', 'missing'], ...p1(3, 3), visibilityLag: true, unknownColumns: true, reloads: 1, shapes: unknowns },
    p1(1, 2),
  ),
  violated('R6.12 keys equal in the warehouse, apart in the broker', { ...live, ...p2(1, 2), keysCollide: true, inits: [[1, 0]], shapes: ['move'] }),
];

const r7: readonly Check[] = [
  violated('R7.1 dead letter replayed after a delete', { ...live, ...p1(2, 2), parks: 1, replay: 'plain', shapes: putDel }),
  violated('R7.2 dead letter of the same transaction as its successor', { ...live, ...p1(1, 2), parks: 1, replay: 'with its epoch, markers kept' }),
  violated('R7.3 dead letter replayed over a re-preload', { ...reload, ...p1(2, 2), parks: 1, replay: 'plain', keepOpenMarkers: false, shapes: ['put'] }),
  holds('R7.4 replayed as a repair that touches', { ...live, ...p1(3, 4), parks: 1 }),
  holds('R7.5 same, re-preload', { ...reload, ...p1(2, 3), parks: 1 }, p1(2, 2)),
  violated('R7.6 same, but the repair does not touch', { ...reload, ...p1(2, 3), parks: 1, keepOpenMarkers: false, repairTouches: false }, { inits: [[1, 0]], drifts: ['ok:s'] }),
];

const r9: readonly Check[] = [
  violated('R9.1 literal: absent = absent', { ...live, ...p1(2, 2, 3), repairs: 1, repairCondition: 'row position', ...untouching }),
  violated('R9.2 present rows only, literal position, re-preload', {
    ...reload,
    drifts: ['ok:p'],
    ...p1(2, 2, 3),
    repairs: 1,
    repairCondition: 'row position',
    keepOpenMarkers: false,
    ...untouching,
    shapes: ['put'],
    inits: [[1, 1]],
  }),
  holds('R9.3 present rows only, (epoch,kind,position)', { ...live, drifts: anyDrift, ...p1(3, 4), repairs: 2, repairCondition: 'present row', ...untouching }, { ...p1(2, 2), repairs: 1 }),
  violated('R9.4 visibility lag, no wait', { ...live, ...p1(2, 2, 3), repairs: 1, repairCondition: 'present row', visibilityLag: true, ...untouching }),
  violated('R9.5 stamped with the end of the log', { ...live, ...p1(2, 2, 3), repairs: 1, repairPosition: 'end of log', ...untouching }),
  violated('R9.6 marker, delete markers dropped by the end of a preload', { ...reload, ...p1(2, 2), repairs: 1, keepOpenMarkers: false, ...untouching }, { inits: [[1, 0]], shapes: putDel, drifts: ['ok:s'] }),
  holds('R9.7 marker, delete markers kept while open', { ...reload, ...p1(2, 2), repairs: 1 }, p1(1, 2)),
  holds('R9.8 marker, lag, drift', { ...live, drifts: anyDrift, ...p1(3, 3, 4), repairs: 1, visibilityLag: true }, p1(2, 2)),
  holds('R9.9 table lock held over both reads, lag, re-preload, drift', { ...reload, drifts: anyDrift, ...p1(2, 3), repairs: 2, repairCondition: 'lock', visibilityLag: true }, { ...p1(1, 1), repairs: 1 }),
  holds('R9.10 checkpoint unchanged, re-preload, P2', { ...reload, ...p2(2, 3), repairs: 1, repairCondition: 'checkpoint' }, p1(1, 2)),
  holds('R9.11 lock, restored source', { ...live, ...p1(2, 2), repairs: 1, repairCondition: 'lock', reloads: 1, restores: 1 }, p1(1, 2)),
];

/** The named checks of R2–R7 and R9. */
export const CHECKS: readonly Check[] = [...r2, ...r3, ...r4, ...r5, ...byPosition, ...r6, ...r7, ...r9];

/** The check at the bounds of `npm test`: the full ones where they are small, else the reduced ones, named. */
export function forSpec(check: Check): Check {
  if (check.reduced === null) return check;
  const bounds = Object.entries(check.reduced).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  return { ...check, name: `${check.name} (${bounds.join(', ')})`, config: { ...check.config, ...check.reduced } };
}

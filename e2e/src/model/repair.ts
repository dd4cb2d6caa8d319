import { repairPosition, sameStanding, type Standing } from '@elstream/core';
import { markerStanding, rowStanding, standingAt } from './decisions';
import { at, bump, KEYS, KEY_NAMES, PRELOAD, STREAM } from './layout';
import { clearRow, deleteRow, setMarker, setRow } from './warehouse';
import { showRows, showValue, type World } from './world';

/** R9: repair in three steps (registered and target read; source read after the wait; conditional write). */
export function repairSteps(w: World): void {
  const { s, f, config } = w;
  if (config.repairs === 0) return;
  switch (at(s, f.repairStep)) {
    case 0:
      if (at(s, f.repairsLeft) > 0) for (const k of KEYS) beginRepair(w, k);
      return;
    case 1:
      giveUp(w);
      readSource(w, at(s, f.repairKey));
      return;
    default:
      giveUp(w);
      writeRepair(w, at(s, f.repairKey));
  }
}

function beginRepair(w: World, k: number): void {
  const { s, c, f, config } = w;
  if (config.repairCondition === 'lock') {
    if (config.repairWait && at(s, f.pendingTx + k) !== 0) return;
    w.begin();
    bump(c, f.repairsLeft, -1);
    repairNow(w, k);
    w.go(() => `repair of ${KEY_NAMES[k] ?? ''} under the table lock: ${showRows(w, c)}`);
    return;
  }
  w.begin();
  bump(c, f.repairsLeft, -1);
  c[f.repairStep] = 1;
  c[f.repairKey] = k;
  c[f.repairOpen] = 1;
  c[f.repairSawRow] = at(s, f.rowValue + k) !== 0 ? 1 : 0;
  c[f.repairSawPosition] = at(s, f.rowPosition + k);
  c[f.repairSawEpoch] = at(s, f.rowEpoch + k);
  c[f.repairSawKind] = at(s, f.rowKind + k);
  c[f.repairSawMarkerEpoch] = at(s, f.markerEpoch + k);
  c[f.repairSawMarkerPosition] = at(s, f.markerPosition + k);
  c[f.repairSawOffset] = at(s, f.nextOffset + w.partitionOf(k));
  c[f.repairSawTableEpoch] = at(s, f.epoch);
  for (const q of KEYS) if (at(s, f.pendingTx + q) !== 0) c[f.repairWaitList + at(s, f.pendingTx + q) - 1] = 1;
  w.go(() => `repair reads target ${KEY_NAMES[k] ?? ''}: ${showRows(w, s)}`);
}

/** Forgets the repair; markers that only it needed go. */
function endRepair(w: World): void {
  const { c, f } = w;
  for (const field of [f.repairStep, f.repairKey, f.repairSawRow, f.repairSawPosition, f.repairSawEpoch, f.repairSawKind]) c[field] = 0;
  for (const field of [f.repairSawMarkerEpoch, f.repairSawMarkerPosition, f.repairSawOffset, f.repairSawTableEpoch, f.repairValue, f.repairExtra]) c[field] = 0;
  c.fill(0, f.repairWaitList, f.repairWaitList + f.maxTx);
  if (w.config.repairCondition !== 'epoch, row and marker') return;
  c[f.repairOpen] = 0;
  if (at(c, f.preloading) === 0) for (const k of KEYS) setMarker(w, k, 0, 0);
}

function giveUp(w: World): void {
  w.begin();
  endRepair(w);
  w.go(() => 'repair gives up');
}

function readSource(w: World, k: number): void {
  const { s, c, f, config } = w;
  const pending = at(s, f.pendingTx + k);
  if (config.repairWait && pending !== 0 && at(s, f.repairWaitList + pending - 1) !== 0) return;
  w.begin();
  c[f.repairStep] = 2;
  c[f.repairValue] = at(s, f.visibleValue + k);
  c[f.repairExtra] = at(s, f.visibleExtra + k);
  w.go(() => `repair reads source ${KEY_NAMES[k] ?? ''}: ${showValue(at(s, f.visibleValue + k))}`);
}

function writeRepair(w: World, k: number): void {
  const { s, c, f, config } = w;
  w.begin();
  if (!mayRepair(w, k)) return;
  const source = { value: at(s, f.repairValue), extra: at(s, f.repairExtra) };
  if (config.repairTouches) touch(w, k, source);
  else writeUntouched(w, k, source);
  c[f.drifted + k] = 0;
  endRepair(w);
  w.go(() => `repair writes ${KEY_NAMES[k] ?? ''} := ${showValue(source.value)}: ${showRows(w, c)}`);
}

/** Whether epoch, row and marker are still as the repair read them; the other conditions are mutants or variants. */
function mayRepair(w: World, k: number): boolean {
  const { s, f, config } = w;
  const standing = standingAt(w, k);
  const saw = sawStanding(w);
  const samePosition = standing.is === 'row' && at(s, f.rowPosition + k) === at(s, f.repairSawPosition);
  switch (config.repairCondition) {
    case 'epoch, row and marker':
      return at(s, f.epoch) === at(s, f.repairSawTableEpoch) && sameStanding(standing, saw);
    case 'row position':
      return saw.is === 'row' ? samePosition : standing.is !== 'row';
    case 'present row':
      return saw.is === 'row' && sameStanding(standing, saw);
    case 'checkpoint':
      return at(s, f.epoch) === at(s, f.repairSawTableEpoch) && at(s, f.nextOffset + w.partitionOf(k)) === at(s, f.repairSawOffset);
    case 'lock':
      return true;
  }
}

function sawStanding(w: World): Standing {
  const { s, f } = w;
  if (at(s, f.repairSawRow) !== 0) return rowStanding(at(s, f.repairSawEpoch), at(s, f.repairSawKind), at(s, f.repairSawPosition));
  return at(s, f.repairSawMarkerEpoch) === 0 ? { is: 'nothing' } : markerStanding(at(s, f.repairSawMarkerEpoch), at(s, f.repairSawMarkerPosition));
}

interface SourceRow {
  readonly value: number;
  readonly extra: number;
}

/** Reads and writes in one step: what a lock held over both, or a replayed dead letter, comes to. */
export function repairNow(w: World, k: number): void {
  const { c, f } = w;
  const source = { value: at(c, f.visibleValue + k), extra: at(c, f.visibleExtra + k) };
  if (w.config.repairTouches) touch(w, k, source);
  else writeUntouched(w, k, source);
  c[f.drifted + k] = 0;
  c[f.deadLetterEpoch] = c[f.deadLetterPosition] = 0;
}

/** R9: a touch of the current epoch; keeps the version of a row or marker of that epoch, else the lowest of kind stream. */
function touch(w: World, k: number, { value, extra }: SourceRow): void {
  const epoch = at(w.c, w.f.epoch);
  const position = Number(repairPosition(standingAt(w, k), epoch).toBigInt());
  if (value !== 0) setRow(w, k, { value, extra, position, epoch, kind: STREAM });
  else deleteRow(w, k, epoch, position);
}

/** The wrong way: the row's version stays whatever it is, so a preload may still overwrite what was repaired. */
function writeUntouched(w: World, k: number, { value, extra }: SourceRow): void {
  const { c, f, config } = w;
  const epoch = at(c, f.epoch);
  const standing = standingAt(w, k);
  if (value !== 0 && config.repairPosition === 'end of log') {
    setRow(w, k, { value, extra, position: at(c, f.clock), epoch, kind: STREAM });
  } else if (value !== 0 && standing.is === 'row') {
    c[f.rowValue + k] = value;
    c[f.rowExtra + k] = extra;
  } else if (value !== 0) {
    const marker = at(c, f.markerEpoch + k) === epoch;
    setRow(w, k, { value, extra, position: marker ? at(c, f.markerPosition + k) : 0, epoch, kind: marker ? STREAM : PRELOAD });
  } else if (standing.is === 'row') {
    const { version } = standing;
    if (at(c, f.preloading) !== 0 && version.kind === 'stream' && version.epoch === epoch) setMarker(w, k, version.epoch, Number(version.position.toBigInt()));
    clearRow(w, k);
  }
}


import { decide } from '@elstream/core';
import { fold, wrongFold, type Folded, type FoldedWrite, type Logged } from './batch';
import { isIgnored, isKept, isMarked, rowStanding, versionOf } from './decisions';
import { at, bump, KEYS, STREAM } from './layout';
import { type World } from './world';

export interface RowBytes {
  readonly value: number;
  readonly extra: number;
  readonly position: number;
  readonly epoch: number;
  readonly kind: number;
}

export function setRow(w: World, k: number, row: RowBytes): void {
  const { c, f } = w;
  c[f.rowValue + k] = row.value;
  c[f.rowExtra + k] = row.extra;
  c[f.rowPosition + k] = row.position;
  c[f.rowEpoch + k] = row.epoch;
  c[f.rowKind + k] = row.kind;
  setMarker(w, k, 0, 0);
}

export function clearRow(w: World, k: number): void {
  const { c, f } = w;
  c[f.rowValue + k] = c[f.rowExtra + k] = c[f.rowPosition + k] = c[f.rowEpoch + k] = c[f.rowKind + k] = 0;
}

export function setMarker(w: World, k: number, epoch: number, position: number): void {
  w.c[w.f.markerEpoch + k] = epoch;
  w.c[w.f.markerPosition + k] = position;
}

/** A delete at a key: the row goes, a marker stays where R5 wants one. */
export function deleteRow(w: World, k: number, epoch: number, position: number): void {
  clearRow(w, k);
  if (isMarked(w, epoch)) setMarker(w, k, epoch, position);
}

export interface Batch {
  readonly partition: number;
  readonly from: number;
  readonly count: number;
  readonly epoch: number;
}

/** Applies a batch with its checkpoint. False: it must wait for a transaction before it can re-read a row (R4 (2)). */
export function applyBatch(w: World, batch: Batch): boolean {
  const { c, f } = w;
  const folded = foldLogged(w, batch);
  for (const event of folded.applied) {
    if (w.config.history === 'stable') c[f.history + event] = 1;
    else bump(c, f.history + event);
  }
  if (folded.truncate !== 0) truncate(w, folded.truncate, batch.epoch);
  for (const write of folded.writes) if (!applyWrite(w, write, batch.epoch)) return false;
  c[f.nextOffset + batch.partition] = batch.from + batch.count;
  c[f.highest + batch.partition] = folded.highest;
  return true;
}

/** An event of the log, with the position it has there. */
export function logged(w: World, partition: number, offset: number): Logged {
  const { c, f } = w;
  const entry = w.entry(partition, offset);
  const event = at(c, f.logEvent + entry);
  return { event, kind: at(c, f.eventKind + event), key: at(c, f.eventKey + event), position: at(c, f.logPosition + entry) };
}

function foldLogged(w: World, { partition, from, count }: Batch): Folded {
  const events = Array.from({ length: count }, (_, i) => logged(w, partition, from + i));
  const highest = at(w.s, w.f.highest + partition);
  return w.config.highestIn === 'running' && w.config.foldMerges ? fold(events, highest) : wrongFold(events, highest, w.config);
}

/** Applies one folded write in the epoch. False: it must wait before it re-reads. */
export function applyWrite(w: World, write: FoldedWrite, epoch: number): boolean {
  const { c, f, config } = w;
  const k = config.keysCollide ? 0 : write.key;
  if (isIgnored(w, k, { epoch, position: write.position })) return true;
  if (write.op === 'delete') {
    deleteRow(w, k, epoch, write.position);
    c[f.drifted + k] = 0;
    return true;
  }
  const upsert = (extra: number): void => setRow(w, k, { value: write.value, extra, position: write.position, epoch, kind: STREAM });
  if (write.extra === undefined && isKept(w, k, epoch)) {
    upsert(at(c, f.rowExtra + k));
    return true;
  }
  if (write.extra === undefined) {
    if (config.rereadWait && at(c, f.pendingTx + k) !== 0) return false;
    if (at(c, f.visibleValue + k) === 0) {
      // R6: a re-read that finds nothing writes nothing and touches nothing
      if (config.rereadNothing === 'deletes') deleteRow(w, k, epoch, write.position);
      return true;
    }
  }
  upsert(write.extra ?? at(c, f.visibleExtra + k));
  c[f.drifted + k] = 0;
  return true;
}

function truncate(w: World, position: number, epoch: number): void {
  const { s, c, f } = w;
  const version = versionOf(epoch, STREAM, position);
  for (const k of KEYS) {
    const standing = rowStanding(at(c, f.rowEpoch + k), at(c, f.rowKind + k), at(c, f.rowPosition + k));
    if (at(c, f.rowValue + k) !== 0 && decide(standing, version, null) === 'apply') clearRow(w, k);
    if (!w.config.truncateMemory && at(s, f.rowValue + k) !== 0 && isMarked(w, epoch)) setMarker(w, k, epoch, position);
    c[f.drifted + k] = 0;
  }
  if (!w.config.truncateMemory) return;
  const newer = at(c, f.truncateEpoch) !== epoch || position > at(c, f.truncatePosition);
  if (newer) c[f.truncatePosition] = position;
  c[f.truncateEpoch] = epoch;
}

/** A parked event, replayed as it was: the wrong way. */
export function applyImage(w: World, event: Logged, epoch: number): void {
  for (const write of fold([event], 0).writes) applyWrite(w, write, epoch);
}

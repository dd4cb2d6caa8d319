import { applyMask, ElstreamError, type EventCell, type PoisonEvent, type RowEvent, type TransactionInfo } from '@elstream/core';
import { formatLsn } from '@elstream/database';
import { decodeTuples, type OldTuple, type RowOperation } from './pgoutput';
import { type RelationPlan } from './relation-plan';

/**
 * One row message → its event; what cannot be decoded, has no key or does not fit the mapping → poison in its place (R7),
 * one per key concerned.
 */
export function rowEvents(plan: RelationPlan, op: RowOperation, tuples: Buffer, tx: TransactionInfo): (RowEvent | PoisonEvent)[] {
  let event: RowEvent;
  try {
    event = rowEvent(plan, op, tuples, tx);
  } catch (error) {
    if (error instanceof ElstreamError) return [poison(plan, tuples, tx, { key: null, code: error.code, reason: error.message })];
    if (!(error instanceof RangeError)) throw error;
    return [poison(plan, tuples, tx, { key: null, code: 'STREAM_UNDECODABLE', reason: `an ${op} of ${plan.mapping.id} cannot be decoded: ${error.message}` })];
  }
  const { misfit } = plan;
  if (misfit === null) return [event];
  return keysOf(plan, event).map((key) => poison(plan, tuples, tx, { key, code: 'STREAM_SCHEMA_CHANGED', reason: misfit }));
}

function keysOf({ mapping }: RelationPlan, event: RowEvent): (readonly string[])[] {
  if (event.op === 'truncate') return [];
  if (event.op === 'delete') return [event.key];
  // no key column is masked: such a plan is refused
  const key = mapping.key.map((index) => event.row[index] ?? '');
  return event.op === 'update' && event.oldKey !== null ? [event.oldKey, key] : [key];
}

/** The message's bytes are copied: the event outlives the frame it came in. Of a table with masks they hold clear values, so none are kept (R10). */
function poison({ mapping, masked }: RelationPlan, tuples: Buffer, tx: TransactionInfo, what: Pick<PoisonEvent, 'key' | 'code' | 'reason'>): PoisonEvent {
  const kept = masked.length === 0;
  return { op: 'poison', table: mapping.id, tx, ...what, bytes: kept ? Uint8Array.from(tuples) : new Uint8Array(), reason: kept ? what.reason : `${what.reason} (its bytes are not kept, since the table has masked columns)` };
}

/**
 * One row message → event. Keys are taken first, from clear cells; then masks are applied.
 * @throws ElstreamError STREAM_KEY_MISSING (stop); RangeError on bytes that cannot be decoded
 */
function rowEvent(plan: RelationPlan, op: RowOperation, tuples: Buffer, tx: TransactionInfo): RowEvent {
  const { mapping } = plan;
  const { old, row } = decodeTuples(tuples, plan.targets, mapping.columns.length);
  if (op === 'delete') {
    if (old === null) throw new RangeError('a delete without its old key');
    return { op, table: mapping.id, tx, key: keyOf(plan, old.cells, tx) };
  }
  if (row === null) throw new RangeError(`an ${op} without its row`);
  if (op === 'insert') {
    keyOf(plan, row, tx);
    mask(plan, row);
    return { op, table: mapping.id, tx, row };
  }
  if (old !== null) fillUnknown(plan, row, old);
  const key = keyOf(plan, row, tx);
  const oldKey = old === null ? null : keyOf(plan, withKnownKey(plan, old.cells, row), tx);
  mask(plan, row);
  return { op, table: mapping.id, tx, row, oldKey: oldKey === null || sameCells(key, oldKey) ? null : oldKey };
}

/** An unchanged TOAST value that the old tuple carries is known after all: whole rows (FULL), or key columns. */
function fillUnknown(plan: RelationPlan, row: EventCell[], old: OldTuple): void {
  if (old.whole) {
    row.forEach((cell, i) => {
      if (cell === undefined) row[i] = old.cells[i];
    });
    return;
  }
  for (const index of plan.mapping.key) {
    if (row[index] === undefined) row[index] = old.cells[index];
  }
}

function withKnownKey(plan: RelationPlan, old: readonly EventCell[], row: readonly EventCell[]): readonly EventCell[] {
  if (plan.mapping.key.every((index) => old[index] !== undefined)) return old;
  return old.map((cell, index) => (cell === undefined ? row[index] : cell));
}

function keyOf(plan: RelationPlan, cells: readonly EventCell[], tx: TransactionInfo): string[] {
  return plan.mapping.key.map((index) => {
    const cell = cells[index];
    if (typeof cell === 'string') return cell;
    const column = plan.mapping.columns[index]?.source ?? String(index);
    const remedy = 'make the key part of the replica identity (a primary key, REPLICA IDENTITY USING INDEX, or FULL) and preload the table again';
    throw new ElstreamError('STREAM_KEY_MISSING', 'stop', `an event of ${plan.mapping.id} does not carry key column ${column}; ${remedy}`, {
      place: { table: plan.mapping.id, position: formatLsn(tx.position) },
    });
  });
}

function mask(plan: RelationPlan, row: EventCell[]): void {
  for (const index of plan.masked) row[index] = applyMask(row[index], plan.mapping.columns[index]?.mask ?? null);
}

function sameCells(a: readonly string[], b: readonly string[]): boolean {
  return a.every((cell, i) => cell === b[i]);
}

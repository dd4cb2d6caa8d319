import { describeKey, ElstreamError, encodeRow, type EventCell, type ParkedEvent, type PoisonEvent, type RowEvent, type TableMapping } from '@elstream/core';
import { keysOf, type Culprit } from './bisect';

/** An event that the warehouse cannot take, with its row as a codec line (an unknown cell is NULL there and unknown in `row`). */
export function parkedEvent({ event, error }: Culprit, mapping: TableMapping): ParkedEvent {
  const keys = keysOf(event, mapping);
  const [key = null, oldKey = null] = keys;
  const row = event.op === 'insert' || event.op === 'update' ? event.row : null;
  return {
    table: event.table,
    origin: 'stream',
    op: event.op,
    key,
    oldKey,
    row,
    bytes: Buffer.from(encodeRow((row ?? key ?? []).map((cell: EventCell) => cell ?? null)), 'utf8'),
    code: codeOf(error),
    reason: error instanceof Error ? error.message : String(error),
    position: event.tx.position,
    committedAtUs: event.tx.committedAtUs,
    ...(mapping.history?.kind === 'copied' && event.op !== 'insert' ? { dueHistory: keys } : {}),
  };
}

export function parkedPoison(event: PoisonEvent): ParkedEvent {
  const { table, key, bytes, code, reason, tx } = event;
  return { table, origin: 'stream', op: 'poison', key, oldKey: null, row: null, bytes, code, reason, position: tx.position, committedAtUs: tx.committedAtUs };
}

export function codeOf(error: unknown): string {
  return error instanceof ElstreamError ? error.code : 'BATCH_FAILED';
}

/** Policy `stop`: the error that names the event for a person. */
export function stopAt(found: { readonly pipeline: string; readonly event: RowEvent | PoisonEvent; readonly error: unknown }, mapping: TableMapping): ElstreamError {
  const { pipeline, event, error } = found;
  const key = event.op === 'poison' ? event.key : keysOf(event, mapping)[0];
  const reason = error instanceof Error ? error.message : String(error);
  return new ElstreamError(event.op === 'poison' ? event.code : codeOf(error), 'stop', `${reason}; mend it, or set deadLetters.policy to park`, {
    cause: error,
    place: { pipeline, table: event.table, ...(key === null || key === undefined ? {} : { key: describeKey(mapping, key) }), position: event.tx.position.hex },
  });
}

/** Per table and code how many, for one line of the log. */
export function countParked(parked: readonly ParkedEvent[]): { readonly table: string; readonly code: string; readonly count: number }[] {
  const counts = new Map<string, { readonly table: string; readonly code: string; count: number }>();
  for (const { table, code } of parked) {
    const id = `${table}\0${code}`;
    const known = counts.get(id);
    if (known === undefined) counts.set(id, { table, code, count: 1 });
    else known.count += 1;
  }
  return [...counts.values()];
}

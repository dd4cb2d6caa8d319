import { encodeRow, keyIdentity, keyOfRow, type Cell, type ChangeEvent, type InsertEvent, type PoisonEvent, type TableMapping, type UpdateEvent } from '@elstream/core';
import { byKey } from '../compare/compare-rows';

type Key = readonly string[];
type Rows = ReadonlyMap<string, readonly Cell[]>;
type Doubtful = (InsertEvent | UpdateEvent) & { readonly doubtful: readonly number[] };

export interface DoubtReads {
  /** Tables that take events: of others nothing is applied, and their source may be gone. */
  readonly active: () => Promise<ReadonlySet<string>>;
  /** Rows of the source at these keys, as they can be seen now. */
  readonly look: (mapping: TableMapping, keys: readonly Key[]) => Promise<readonly (readonly Cell[])[]>;
  /** The same after R4's wait, as cells that no event carried are read; by table id. */
  readonly readAgain: (keys: ReadonlyMap<string, readonly Key[]>) => Promise<ReadonlyMap<string, readonly (readonly Cell[])[]>>;
}

/**
 * Events of which a text holds a character that capture also writes for what it could not read. Where the source's row holds
 * just that text, the character is its own; equality decides, so that look waits for nothing. Otherwise capture put it there,
 * or the row has changed since: the cell becomes the source's, read after R4's wait. It is not left unknown, as in a fold that
 * means unchanged. One that is no Unicode goes on as it is: no warehouse takes it, and the event is parked, as the row of a
 * chunk is (R7). A row that is gone is deleted by an event to come; under a key with such a character it may never have been.
 */
export async function settleDoubts(events: readonly ChangeEvent[], mappings: ReadonlyMap<string, TableMapping>, { active, look, readAgain }: DoubtReads): Promise<readonly ChangeEvent[]> {
  const marked = events.filter(isDoubtful);
  if (marked.length === 0) return events;
  const tables = await active();
  const doubtful = marked.filter(({ table }) => tables.has(table) && mappings.get(table)?.halted === undefined);
  const seen = new Map<string, Rows>();
  for (const [table, keys] of keysOf(doubtful, mappings)) {
    const mapping = mappings.get(table);
    if (mapping !== undefined) seen.set(table, byKey(mapping, await look(mapping, keys), (row) => row));
  }
  const rowOf = (event: Doubtful, rows: ReadonlyMap<string, Rows>): readonly Cell[] | undefined => {
    const mapping = mappings.get(event.table);
    return mapping === undefined ? undefined : rows.get(event.table)?.get(keyIdentity(mapping, keyOfRow(mapping, event.row)));
  };
  const wrong = new Set<ChangeEvent>(doubtful.filter((event) => {
    const row = rowOf(event, seen);
    return row === undefined || event.doubtful.some((index) => row[index] !== event.row[index]);
  }));
  const now = new Map<string, Rows>();
  if (wrong.size > 0) {
    for (const [table, rows] of await readAgain(keysOf(doubtful.filter((event) => wrong.has(event)), mappings))) {
      const mapping = mappings.get(table);
      if (mapping !== undefined) now.set(table, byKey(mapping, rows, (row) => row));
    }
  }
  const settledOf = new Map<ChangeEvent, ChangeEvent>();
  for (const event of doubtful) {
    const mapping = mappings.get(event.table);
    if (mapping !== undefined) settledOf.set(event, settled(event, mapping, wrong.has(event) ? { row: rowOf(event, now) } : null));
  }
  return events.map((event) => settledOf.get(event) ?? event);
}

/** @param source null: the source has just this text */
function settled(event: Doubtful, mapping: TableMapping, source: { readonly row: readonly Cell[] | undefined } | null): ChangeEvent {
  const { doubtful, ...known } = event;
  if (source === null) return known;
  const { row } = source;
  if (row !== undefined) return { ...known, row: event.row.map((cell, index) => (doubtful.includes(index) && !mapping.key.includes(index) ? (row[index] ?? null) : cell)) };
  return mapping.key.some((index) => doubtful.includes(index)) ? keyless(event) : known;
}

/** There is no row to read again: a replay would look for the key that capture made. */
function keyless({ table, tx, row }: Doubtful): PoisonEvent {
  const bytes = Buffer.from(encodeRow(row.map((cell) => cell ?? null)), 'utf8');
  return { op: 'poison', table, tx, key: null, bytes, code: 'VALUE_NOT_UNICODE', reason: 'its key holds U+FFFD, and the source has no such row: capture writes it for half of a surrogate pair, if the row was not deleted since; correct the key at the source, then discard this' };
}

function keysOf(events: readonly Doubtful[], mappings: ReadonlyMap<string, TableMapping>): Map<string, readonly Key[]> {
  const keys = new Map<string, Map<string, Key>>();
  for (const { table, row } of events) {
    const mapping = mappings.get(table);
    if (mapping === undefined) continue;
    const of = keys.get(table) ?? new Map<string, Key>();
    const key = keyOfRow(mapping, row);
    keys.set(table, of.set(keyIdentity(mapping, key), key));
  }
  return new Map([...keys].map(([table, of]) => [table, [...of.values()]]));
}

function isDoubtful(event: ChangeEvent): event is Doubtful {
  return (event.op === 'insert' || event.op === 'update') && event.doubtful !== undefined;
}

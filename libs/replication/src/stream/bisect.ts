import { keyIdentity, keyOfRow, recoveryOf, RunningHighest, type ChangeEvent, type LogPosition, type RowEvent, type TableMapping } from '@elstream/core';

/** An event and why the warehouse cannot take it. */
export interface Culprit {
  readonly event: RowEvent;
  /** Of recovery `park`. */
  readonly error: unknown;
}

/** Offers these events in a transaction that is rolled back; null: they went through. Throws what is no value's fault. */
export type Trial = (events: readonly RowEvent[]) => Promise<unknown>;

/**
 * The events of a batch that go into its fold, in order: no re-emissions (R3, against the running highest), no tables
 * without mapping. Their positions never fall, so any choice of them folds without a highest.
 */
export function acceptedEvents(events: Iterable<ChangeEvent>, mappings: ReadonlyMap<string, TableMapping>, highest: LogPosition | null): RowEvent[] {
  const accepted: RowEvent[] = [];
  const running = new RunningHighest(highest);
  for (const event of events) {
    if (!running.accepts(event.tx.position)) continue;
    if (event.op !== 'counter' && event.op !== 'poison' && event.op !== 'reload' && mappings.has(event.table)) accepted.push(event);
  }
  return accepted;
}

/** Events that depend on each other: of one key, or of keys that a moving row connects. In order; truncates are in every trial of their table. */
export interface EventGroup {
  readonly table: string;
  readonly events: readonly RowEvent[];
}

/** Accepted events → groups, by their first event. Pure. */
export function groupByKey(events: readonly RowEvent[], mappings: ReadonlyMap<string, TableMapping>): EventGroup[] {
  const groups: { table: string; events: RowEvent[] }[] = [];
  /** Where a group went that was joined to another. */
  const joined = new Map<number, number>();
  const resolve = (at: number): number => {
    let now = at;
    for (let next = joined.get(now); next !== undefined; next = joined.get(now)) now = next;
    return now;
  };
  const byKey = new Map<string, number>();
  const order = new Map(events.map((event, i) => [event, i]));
  for (const event of events) {
    const mapping = mappings.get(event.table);
    if (mapping === undefined || event.op === 'truncate') continue;
    const ids = keysOf(event, mapping).map((key) => JSON.stringify([event.table, keyIdentity(mapping, key)]));
    const known = [...new Set(ids.flatMap((id) => { const at = byKey.get(id); return at === undefined ? [] : [resolve(at)]; }))].sort((a, b) => a - b);
    const [into = groups.push({ table: event.table, events: [] }) - 1, ...others] = known;
    for (const other of others) {
      groups[into]?.events.push(...(groups[other]?.events.splice(0) ?? []));
      joined.set(other, into);
    }
    if (others.length > 0) groups[into]?.events.sort((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0));
    groups[into]?.events.push(event);
    for (const id of ids) byKey.set(id, into);
  }
  return groups.filter((group) => group.events.length > 0);
}

/** The key of the row and, where it moved, the one before; none for a truncate. */
export function keysOf(event: RowEvent, mapping: TableMapping): (readonly string[])[] {
  switch (event.op) {
    case 'insert':
      return [keyOfRow(mapping, event.row)];
    case 'update':
      return event.oldKey === null ? [keyOfRow(mapping, event.row)] : [keyOfRow(mapping, event.row), event.oldKey];
    case 'delete':
      return [event.key];
    case 'truncate':
      return [];
  }
  return event satisfies never;
}

export interface Search<T> {
  /** Null: this choice goes through. */
  readonly trial: (some: readonly T[]) => Promise<unknown>;
  /** Called for each item that fails by itself, in order. */
  readonly blame: (item: T, error: unknown) => Promise<void> | void;
  /** True: what is left need not be looked at. */
  readonly enough?: () => boolean;
}

/**
 * Items that fail by themselves, of a choice that fails as a whole: halves are tried as long as one fails. About k·log2(n)
 * trials for k of n, at most 2n. Where the first half goes through, the second is taken to fail without a trial; an item is
 * blamed only by a trial of its own.
 */
export async function findFailing<T>(items: readonly T[], { trial, blame, enough }: Search<T>): Promise<void> {
  /** `error`: of the trial of exactly these; null: they were not tried. */
  const search = async (some: readonly T[], error: unknown): Promise<void> => {
    const [only, second] = some;
    if (only === undefined || enough?.() === true) return;
    if (second === undefined) {
      const own: unknown = error ?? (await trial(some));
      if (own !== null) await blame(only, own);
      return;
    }
    const middle = Math.floor(some.length / 2);
    const [first, rest] = [some.slice(0, middle), some.slice(middle)];
    const refused: unknown = await trial(first);
    if (refused === null) return search(rest, null);
    await search(first, refused);
    if (enough?.() === true) return;
    const restRefused: unknown = await trial(rest);
    if (restRefused !== null) await search(rest, restRefused);
  };
  await search(items, null);
}

/**
 * Within a group that fails: events with which a prefix that went through no longer does, left out one after the other
 * until the rest goes through.
 */
export async function findCulpritsOfGroup(events: readonly RowEvent[], trial: Trial, limit: number): Promise<Culprit[]> {
  const culprits: Culprit[] = [];
  const kept: RowEvent[] = [];
  let rest = events;
  while (rest.length > 0 && culprits.length <= limit) {
    const failing = await findStep(rest, (some) => trial([...kept, ...some]));
    if (failing === null) break;
    culprits.push({ event: failing.item, error: failing.error });
    kept.push(...rest.slice(0, failing.at));
    rest = rest.slice(failing.at + 1);
  }
  return culprits;
}

/**
 * Where groups fail together but none by itself, as two rows of one value under a unique index of the warehouse: groups
 * with which those before them no longer go through, and of these groups the events. By their last events: so the later
 * one is at fault, and what a row was in passing meets nobody.
 */
export async function findCulpritsTogether(groups: readonly EventGroup[], trial: Trial, limit: number): Promise<Culprit[]> {
  const culprits: Culprit[] = [];
  const kept: RowEvent[] = [];
  let rest = groups;
  while (rest.length > 0 && culprits.length <= limit) {
    const failing = await findStep(rest, (some) => trial([...kept, ...eventsOf(some)]));
    if (failing === null) break;
    kept.push(...eventsOf(rest.slice(0, failing.at)));
    const { events } = failing.item;
    const [event, more] = events;
    const found = event !== undefined && more === undefined ? [{ event, error: failing.error }] : await findCulpritsOfGroup(events, (some) => trial([...kept, ...some]), limit - culprits.length);
    // refused a moment ago, and now no more: not for what is in it
    if (found.length === 0) break;
    culprits.push(...found);
    kept.push(...events.filter((e) => !found.some((culprit) => culprit.event === e)));
    rest = rest.slice(failing.at + 1);
  }
  return culprits;
}

/**
 * The first item with which those before it no longer go through, and why; null: all go through. Found by doubling and
 * halving, so that one bad in a long row and a long row of bad ones both take few trials.
 */
async function findStep<T>(items: readonly T[], trial: (some: readonly T[]) => Promise<unknown>): Promise<{ readonly at: number; readonly item: T; readonly error: unknown } | null> {
  let passes = 0;
  let fails: { readonly size: number; readonly error: unknown } | null = null;
  for (let size = 1; fails === null && passes < items.length; size = Math.min(items.length, size * 2)) {
    const error = await trial(items.slice(0, size));
    if (error === null) passes = size;
    else fails = { size, error };
  }
  if (fails === null) return null;
  while (fails.size - passes > 1) {
    const size = Math.floor((passes + fails.size) / 2);
    const error: unknown = await trial(items.slice(0, size));
    if (error === null) passes = size;
    else fails = { size, error };
  }
  const item = items[passes];
  return item === undefined ? null : { at: passes, item, error: fails.error };
}

export const eventsOf = (groups: readonly EventGroup[]): RowEvent[] => groups.flatMap((group) => group.events);

/** True for what goes to dead letters rather than to the loop that called. */
export function isParked(error: unknown): boolean {
  return recoveryOf(error) === 'park';
}

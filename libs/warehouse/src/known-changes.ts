import { changeIdentity, type ChangeIdentity, type RowEvent, type TableMapping } from '@elstream/core';

const PER_STATEMENT = 5_000;

/** Which of the asked, by index, have ended a version: of their key (`rows`), or of any key (`truncates`). Never asked of none. */
export interface KnownChanges {
  readonly rows: (asked: readonly ChangeIdentity[]) => Promise<readonly number[]>;
  readonly truncates: (asked: readonly ChangeIdentity[]) => Promise<readonly number[]>;
}

/**
 * Ids of events that have ended their versions before: capture has emitted them again. Only asked for events with an
 * identity, so direct streams pay nothing.
 */
export async function knownChanges(mapping: TableMapping, changes: readonly RowEvent[], find: KnownChanges): Promise<Set<string>> {
  const asked = new Map<string, ChangeIdentity>();
  for (const event of changes) {
    // an insert ends nothing
    const identity = event.op === 'insert' ? null : changeIdentity(mapping, event);
    if (identity !== null) asked.set(identity.id, identity);
  }
  const known = new Set<string>();
  const all = [...asked.values()];
  for (let start = 0; start < all.length; start += PER_STATEMENT) {
    const some = all.slice(start, start + PER_STATEMENT);
    for (const [of, look] of [
      [some.filter((a) => a.key !== null), find.rows],
      [some.filter((a) => a.key === null), find.truncates],
    ] as const) {
      if (of.length > 0) for (const index of await look(of)) known.add(of[index]?.id ?? '');
    }
  }
  return known;
}

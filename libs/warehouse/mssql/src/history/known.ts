import { changeIdentity, type ChangeIdentity, type RowEvent } from '@elstream/core';
import { t, type TSql } from '@elstream/database';
import { keyList, keysParam } from '../keys';
import type { Target } from '../target';
import { CHANGE_COLUMN, CHANGE_TYPE, type Archive } from './archive';

const PER_STATEMENT = 5_000;

/** `@changes`: JSON of `[ord, hex]`; `ord` of those that have ended a version of their key (`@keys`). */
export function knownRowsSql(target: Target, archive: Archive): string {
  const keys = keyList(target, 'keys');
  return `${keys.declare}
SELECT u.ord FROM ${keys.table} AS u JOIN OPENJSON(@changes) WITH (ord int '$[0]', change varchar(256) '$[1]') AS c ON c.ord = u.ord
 WHERE EXISTS (SELECT 1 FROM ${archive.sql} AS h WHERE h.${CHANGE_COLUMN} IS NOT NULL AND h.${CHANGE_COLUMN} = CONVERT(${CHANGE_TYPE}, c.change, 2) AND ${keys.same('h', 'u')});`;
}

/** Those of truncates, which end versions of any key. */
export function knownTruncatesSql(archive: Archive): string {
  return `SELECT c.ord FROM OPENJSON(@changes) WITH (ord int '$[0]', change varchar(256) '$[1]') AS c
 WHERE EXISTS (SELECT 1 FROM ${archive.sql} AS h WHERE h.${CHANGE_COLUMN} IS NOT NULL AND h.${CHANGE_COLUMN} = CONVERT(${CHANGE_TYPE}, c.change, 2));`;
}

/**
 * Ids of events that have ended their versions before: capture has emitted them again. Read before the batch's transaction:
 * only a batch of the same events adds to them, and then the checkpoint has moved. Direct streams pay nothing.
 */
export async function knownChanges(sql: TSql, target: Target, archive: Archive, changes: readonly RowEvent[]): Promise<Set<string>> {
  const asked = new Map<string, ChangeIdentity>();
  for (const event of changes) {
    // an insert ends nothing
    const identity = event.op === 'insert' ? null : changeIdentity(target.mapping, event);
    if (identity !== null) asked.set(identity.id, identity);
  }
  const known = new Set<string>();
  const all = [...asked.values()];
  for (let start = 0; start < all.length; start += PER_STATEMENT) await findSome(sql, target, { archive, asked: all.slice(start, start + PER_STATEMENT) }, known);
  return known;
}

async function findSome(sql: TSql, target: Target, of: { readonly archive: Archive; readonly asked: readonly ChangeIdentity[] }, known: Set<string>): Promise<void> {
  const { archive, asked } = of;
  const list = (some: readonly ChangeIdentity[]) => t.json(some.map((a, ord) => [ord, a.hex]));
  const note = (some: readonly ChangeIdentity[], found: readonly { ord: number }[]): void => {
    for (const { ord } of found) known.add(some[ord]?.id ?? '');
  };
  const rows = asked.filter((a) => a.key !== null);
  if (rows.length > 0) note(rows, await sql.rows<{ ord: number }>(knownRowsSql(target, archive), { keys: keysParam(rows.map((a) => a.key ?? [])), changes: list(rows) }));
  const truncates = asked.filter((a) => a.key === null);
  if (truncates.length > 0) note(truncates, await sql.rows<{ ord: number }>(knownTruncatesSql(archive), { changes: list(truncates) }));
}

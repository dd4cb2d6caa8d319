import { changeIdentity, type ChangeIdentity, type RowEvent } from '@elstream/core';
import type { Sql } from '@elstream/database';
import { keysAsArrays } from '../keys-as-arrays';
import type { Target } from '../target';
import { CHANGE_COLUMN, type Archive } from './archive';

const PER_STATEMENT = 5_000;

/**
 * Ids of events that have ended their versions before: capture has emitted them again. Only asked for events with an
 * identity, so direct streams pay nothing; found by the identity's index, since a hot key may have very many versions.
 */
export async function knownChanges(sql: Sql, target: Target, archive: Archive, changes: readonly RowEvent[]): Promise<Set<string>> {
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

async function findSome(sql: Sql, target: Target, of: { readonly archive: Archive; readonly asked: readonly ChangeIdentity[] }, known: Set<string>): Promise<void> {
  const { archive, asked } = of;
  const rows = asked.filter((a) => a.key !== null);
  const keys = keysAsArrays(target, rows.map((a) => a.key ?? []), 2);
  const stands = `h.${CHANGE_COLUMN} IS NOT NULL AND h.${CHANGE_COLUMN} = pg_catalog.decode(c.change, 'hex')`;
  const list = (some: readonly ChangeIdentity[]): string[] => some.map((a) => a.hex);
  const changes = 'unnest($1::text[]) WITH ORDINALITY AS c(change, o)';
  const note = (some: readonly ChangeIdentity[], found: readonly { ord: number }[]): void => {
    for (const { ord } of found) known.add(some[ord - 1]?.id ?? '');
  };
  if (rows.length > 0) note(rows, await sql.query<{ ord: number }>(`SELECT u.ord::int AS ord FROM ${keys.from} JOIN ${changes} ON c.o = u.ord WHERE EXISTS (SELECT FROM ${archive.sql} AS h WHERE ${stands} AND ${keys.same('h')})`, [list(rows), ...keys.values]));
  const truncates = asked.filter((a) => a.key === null);
  if (truncates.length > 0) note(truncates, await sql.query<{ ord: number }>(`SELECT c.o::int AS ord FROM ${changes} WHERE EXISTS (SELECT FROM ${archive.sql} AS h WHERE ${stands})`, [list(truncates)]));
}

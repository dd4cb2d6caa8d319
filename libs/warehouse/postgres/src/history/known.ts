import type { ChangeIdentity, RowEvent } from '@elstream/core';
import type { Sql } from '@elstream/database';
import { knownChanges } from '@elstream/warehouse';
import { keysAsArrays } from '../keys-as-arrays';
import type { Target } from '../target';
import { CHANGE_COLUMN, type Archive } from './archive';

/** Found by the identity's index, since a hot key may have very many versions. */
export async function knownToArchive(sql: Sql, target: Target, archive: Archive, changes: readonly RowEvent[]): Promise<Set<string>> {
  const stands = `h.${CHANGE_COLUMN} IS NOT NULL AND h.${CHANGE_COLUMN} = pg_catalog.decode(c.change, 'hex')`;
  const list = (asked: readonly ChangeIdentity[]): string[] => asked.map((a) => a.hex);
  const given = 'unnest($1::text[]) WITH ORDINALITY AS c(change, o)';
  const indices = (found: readonly { ord: number }[]): number[] => found.map(({ ord }) => ord - 1);
  return knownChanges(target.mapping, changes, {
    rows: async (asked) => {
      const keys = keysAsArrays(target, asked.map((a) => a.key ?? []), 2);
      return indices(await sql.query(`SELECT u.ord::int AS ord FROM ${keys.from} JOIN ${given} ON c.o = u.ord WHERE EXISTS (SELECT FROM ${archive.sql} AS h WHERE ${stands} AND ${keys.same('h')})`, [list(asked), ...keys.values]));
    },
    truncates: async (asked) => indices(await sql.query(`SELECT c.o::int AS ord FROM ${given} WHERE EXISTS (SELECT FROM ${archive.sql} AS h WHERE ${stands})`, [list(asked)])),
  });
}

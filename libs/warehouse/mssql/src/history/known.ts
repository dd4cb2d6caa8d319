import type { ChangeIdentity, RowEvent } from '@elstream/core';
import { t, type TSql } from '@elstream/database';
import { knownChanges } from '@elstream/warehouse';
import { keyList, keysParam } from '../keys';
import type { Target } from '../target';
import { CHANGE_COLUMN, CHANGE_TYPE, type Archive } from './archive';

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

/** Read before the batch's transaction: only a batch of the same events adds to them, and then the checkpoint has moved. */
export async function knownToArchive(sql: TSql, target: Target, archive: Archive, changes: readonly RowEvent[]): Promise<Set<string>> {
  const list = (asked: readonly ChangeIdentity[]) => t.json(asked.map((a, ord) => [ord, a.hex]));
  const indices = (found: readonly { ord: number }[]): number[] => found.map(({ ord }) => ord);
  return knownChanges(target.mapping, changes, {
    rows: async (asked) => indices(await sql.rows(knownRowsSql(target, archive), { keys: keysParam(asked.map((a) => a.key ?? [])), changes: list(asked) })),
    truncates: async (asked) => indices(await sql.rows(knownTruncatesSql(archive), { changes: list(asked) })),
  });
}

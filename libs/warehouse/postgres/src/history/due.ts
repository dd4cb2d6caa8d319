import { keyIdentity, keyOfRow, type RowEvent } from '@elstream/core';
import type { Sql } from '@elstream/database';
import type { DueHistory } from '@elstream/warehouse';
import type { Target } from '../target';

/**
 * Copied history: keys whose versions have to be fetched, noted in the transaction of the batch that touched them. Inserts
 * end no version; a truncate ends those of every key.
 */
export async function noteDueOfBatch(sql: Sql, pipeline: string, target: Target, changes: readonly RowEvent[]): Promise<void> {
  const { archive, mapping } = target;
  if (archive?.kind !== 'copied') return;
  const keys = new Map<string, readonly string[] | null>();
  const add = (key: readonly string[]): void => void keys.set(keyIdentity(mapping, key), key);
  for (const event of changes) {
    if (event.op === 'truncate') {
      await noteDue(sql, pipeline, mapping.id, [null]);
      return;
    }
    if (event.op === 'delete') add(event.key);
    if (event.op !== 'update') continue;
    add(keyOfRow(mapping, event.row));
    if (event.oldKey !== null) add(event.oldKey);
  }
  await noteDue(sql, pipeline, mapping.id, [...keys.values()]);
}

/** Notes keys; null: every key of the table. */
export async function noteDue(sql: Sql, pipeline: string, table: string, keys: readonly (readonly string[] | null)[]): Promise<void> {
  if (keys.length === 0) return;
  await sql.execute('INSERT INTO elstream.history_due (pipeline, table_id, key) SELECT $1, $2, u.key::jsonb FROM unnest($3::text[]) WITH ORDINALITY AS u(key, ord) ORDER BY u.ord', [
    pipeline,
    table,
    keys.map((key) => (key === null ? null : JSON.stringify(key))),
  ]);
}

export async function readDue(sql: Sql, pipeline: string, limit: number): Promise<DueHistory[]> {
  const rows = await sql.query<{ id: string; table_id: string; key: string | null }>('SELECT id::text AS id, table_id, key::text AS key FROM elstream.history_due WHERE pipeline = $1 ORDER BY history_due.id LIMIT $2', [pipeline, limit]);
  return rows.map((row) => ({ id: row.id, table: row.table_id, key: row.key === null ? null : (JSON.parse(row.key) as string[]) }));
}

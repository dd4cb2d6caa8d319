import { keyIdentity, keyOfRow, type RowEvent } from '@elstream/core';
import { t, type MssqlParam, type TSql } from '@elstream/database';
import type { DueHistory } from '@elstream/warehouse';
import type { Target } from '../target';

/**
 * Copied history: keys whose versions have to be fetched, noted in the transaction of the batch that touched them. Inserts
 * end no version; a truncate ends those of every key (null). Empty: none.
 */
export function dueOfBatch(target: Target, changes: readonly RowEvent[]): readonly (readonly string[] | null)[] {
  const { archive, mapping } = target;
  if (archive?.kind !== 'copied') return [];
  const keys = new Map<string, readonly string[]>();
  const add = (key: readonly string[]): void => void keys.set(keyIdentity(mapping, key), key);
  for (const event of changes) {
    if (event.op === 'truncate') return [null];
    if (event.op === 'delete') add(event.key);
    if (event.op !== 'update') continue;
    add(keyOfRow(mapping, event.row));
    if (event.oldKey !== null) add(event.oldKey);
  }
  return [...keys.values()];
}

/**
 * Notes keys as `dueParam` gives them. Parameters `@pipeline`; names of the others are the caller's, who may have several
 * tables in one batch.
 */
export function noteDueSql(table: string, due: string): string {
  return `INSERT INTO elstream.history_due (pipeline, table_id, [key])
SELECT @pipeline, ${table}, j.[key] FROM OPENJSON(${due}) WITH (ord int '$[0]', [key] nvarchar(max) '$[1]') AS j ORDER BY j.ord;`;
}

/** JSON of `[ord, key as JSON text or null]`; null: every key of the table. */
export function dueParam(keys: readonly (readonly string[] | null)[]): MssqlParam {
  return t.json(keys.map((key, ord) => [ord, key === null ? null : JSON.stringify(key)]));
}

export async function noteDue(sql: TSql, pipeline: string, table: string, keys: readonly (readonly string[])[]): Promise<void> {
  if (keys.length === 0) return;
  await sql.execute(noteDueSql('@table', '@due'), { pipeline: t.nvarchar(pipeline, 100), table: t.nvarchar(table, 300), due: dueParam(keys) });
}

export const READ_DUE_SQL = 'SELECT TOP (@limit) CONVERT(varchar(20), id) AS id, table_id, [key] FROM elstream.history_due WHERE pipeline = @pipeline ORDER BY history_due.id;';

export async function readDue(sql: TSql, pipeline: string, limit: number): Promise<DueHistory[]> {
  const rows = await sql.rows<{ id: string; table_id: string; key: string | null }>(READ_DUE_SQL, { pipeline: t.nvarchar(pipeline, 100), limit: t.int(limit) });
  return rows.map((row) => ({ id: row.id, table: row.table_id, key: row.key === null ? null : (JSON.parse(row.key) as string[]) }));
}

import type { ControlStore } from '@elstream/control';
import type { LastValidation } from './overview';

/** The newest finished validation of each table that had one. Most are found in one read; one by one those validated long ago. */
export async function lastValidations(store: Pick<ControlStore, 'readValidations'>, pipeline: string, tables: readonly string[]): Promise<ReadonlyMap<string, LastValidation>> {
  if (tables.length === 0) return new Map();
  const found = new Map<string, LastValidation>();
  for (const record of await store.readValidations({ pipeline, limit: 2 * tables.length })) if (!found.has(record.table)) found.set(record.table, record);
  // None at all: nobody has validated yet.
  if (found.size === 0) return found;
  for (const table of tables) {
    if (found.has(table)) continue;
    const [record] = await store.readValidations({ pipeline, table, limit: 1 });
    if (record !== undefined) found.set(table, record);
  }
  return found;
}

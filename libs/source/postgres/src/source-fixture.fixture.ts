import { quoteName } from '@elstream/database';
import { type SourceDatabase } from '@elstream/source';
import { createTestDatabase, type SourceHarness, type TestDatabase } from '@elstream/testing';
import { createPostgresSource } from './postgres-source';

export { collect, describeOne, EVERYTHING, mappingOf, readCells, running, selection } from '@elstream/testing';

/** A database of its own with a source over it; both gone at the end of `await using`. */
export interface SourceContext {
  readonly db: TestDatabase;
  readonly source: SourceDatabase;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function openSource(setup = '', options: { url?: (db: TestDatabase) => string; slotName?: string } = {}): Promise<SourceContext> {
  const db = await createTestDatabase('source');
  if (setup !== '') await db.query(setup);
  const source = await createPostgresSource({
    url: options.url?.(db) ?? db.url,
    counterPrefix: 'elstream:test',
    maxConnections: 3,
    ...(options.slotName === undefined ? {} : { slotName: options.slotName }),
  });
  return {
    db,
    source,
    async [Symbol.asyncDispose]() {
      await source.close();
      await db.drop();
    },
  };
}

/** PostgreSQL, for the suites that every source has to pass. */
export const HARNESS: SourceHarness = {
  open: openSource,
  schema: 'public',
  numbers: (n) => `generate_series(1, ${n}) AS g (i)`,
  quote: quoteName,
  awkward: "q''\\",
  instant: { type: 'timestamptz', at: (hours) => `'2024-01-01'::timestamptz + (${hours}) * interval '1 hour'`, cell: (day) => `${day} 00:00:00+00` },
  retype: (table, column, type) => `ALTER TABLE ${table} ALTER ${column} TYPE ${type}`,
};

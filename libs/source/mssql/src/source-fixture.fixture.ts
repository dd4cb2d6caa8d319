import { bracket } from '@elstream/database';
import { type SourceDatabase } from '@elstream/source';
import { createTestMssql, type SourceHarness, type TestMssql } from '@elstream/testing';
import { createMssqlSource } from './mssql-source';

/** A database of its own with a source over it; both gone at the end of `await using`. */
export interface SourceContext {
  readonly db: TestMssql;
  readonly source: SourceDatabase;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function openSource(setup = ''): Promise<SourceContext> {
  const db = await createTestMssql('source');
  if (setup !== '') await db.query(setup);
  const source = await createMssqlSource({ url: db.url, maxConnections: 4, capture: false });
  return {
    db,
    source,
    async [Symbol.asyncDispose]() {
      await source.close();
      await db.drop();
    },
  };
}

/** `i` from 1 to n. */
export const numbers = (n: number): string => `(SELECT TOP (${String(n)}) CONVERT(int, ROW_NUMBER() OVER (ORDER BY (SELECT NULL))) AS i FROM sys.all_columns AS a CROSS JOIN sys.all_columns AS b) AS g`;

/** SQL Server, for the suites that every source has to pass. */
export const HARNESS: SourceHarness = {
  open: openSource,
  schema: 'dbo',
  numbers,
  quote: bracket,
  // what JSON escapes is tried where the server reads it (read.mssql.spec.ts)
  awkward: "q''",
  instant: { type: 'datetime2(7)', at: (hours) => `DATEADD(hour, ${hours}, CONVERT(datetime2(7), '2024-01-01'))`, cell: (day) => `${day} 00:00:00` },
  retype: (table, column, type) => `ALTER TABLE ${table} ALTER COLUMN ${column} ${type}`,
};

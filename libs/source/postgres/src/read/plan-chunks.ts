import { type PoolClient } from 'pg';
import { type DataSource } from 'typeorm';
import { type KeyRange, type TableMapping } from '@elstream/core';
import { cancelOnAbort, inTransaction, type Sql } from '@elstream/database';
import { requireChunkRows } from '@elstream/source';
import { nextBound } from './read-sql';
import { lookUpTarget } from './read-target';

/** Values as the server prints them: the driver's parsers would turn timestamps into dates. */
const AS_PRINTED = { getTypeParser: () => (value: unknown) => value };

/**
 * Cuts a table along its key's index by skipping: each statement finds the key `chunkRows` places further on, so none
 * holds a snapshot for long. Each bound is strictly above the one before it by the database's own comparison; rows
 * that come or go meanwhile only make ranges uneven, they still cover every key once.
 */
export async function* planChunks(dataSource: DataSource, mapping: TableMapping, signal: AbortSignal): AsyncGenerator<KeyRange> {
  requireChunkRows(mapping);
  let from: readonly string[] | null = null;
  do {
    signal.throwIfAborted();
    const after: readonly string[] | null = from;
    const to: readonly string[] | null = await inTransaction(dataSource, (sql) => findBound(sql, mapping, after, { dataSource, signal }));
    yield { from, to };
    from = to;
  } while (from !== null);
}

async function findBound(sql: Sql, mapping: TableMapping, after: readonly string[] | null, { dataSource, signal }: { readonly dataSource: DataSource; readonly signal: AbortSignal }): Promise<string[] | null> {
  const target = await lookUpTarget(sql, mapping);
  // Without statistics the planner prefers to sort the whole table for each bound.
  await sql.query('SET LOCAL enable_sort = off');
  const client = (await sql.runner.connect()) as PoolClient;
  signal.throwIfAborted();
  const settled = cancelOnAbort(dataSource, client, signal);
  try {
    const { rows } = await client.query<string[]>({ text: nextBound(target, after, mapping.chunkRows), values: after === null ? [] : [...after], rowMode: 'array', types: AS_PRINTED });
    return rows[0] ?? null;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    await settled();
  }
}

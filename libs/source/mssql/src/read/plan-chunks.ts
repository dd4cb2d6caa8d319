import { describeKey, ElstreamError, isHeldByAll, type KeyRange, type TableMapping } from '@elstream/core';
import { type Mssql } from '@elstream/database';
import { requireChunkRows } from '@elstream/source';
import { selectNextBound } from './read-sql';
import { lookUpTarget } from './read-target';
import { rowsOf } from './rows';

/**
 * Cuts a table along its key's index by skipping: each statement finds the key `chunkRows` places further on, so none
 * holds a snapshot for long. Each bound is strictly above the one before it by the database's own comparison, which orders
 * GUIDs and collated texts as nothing else does; rows that come or go meanwhile only make ranges uneven, they still cover
 * every key once.
 */
export async function* planChunks(sql: Mssql, mapping: TableMapping, signal: AbortSignal): AsyncGenerator<KeyRange> {
  requireChunkRows(mapping);
  let from: readonly string[] | null = null;
  do {
    signal.throwIfAborted();
    const to: readonly string[] | null = await nextBound(sql, mapping, from, signal);
    // Strictly above the one before it, or a text did not become the value it was made of: that would never end.
    if (from !== null && to?.every((cell, i) => cell === from?.[i]) === true) throw new ElstreamError('CHUNK_BOUND', 'stop', `the server finds key ${describeKey(mapping, to)} of table ${mapping.id} again behind itself, as it reads its text otherwise than it wrote it; choose another key`, { place: { table: mapping.id } });
    yield { from, to };
    from = to;
  } while (from !== null);
}

/** A task keeps it, which not every warehouse lets hold any text: behind a key that it could not keep, another one is taken. */
async function nextBound(sql: Mssql, mapping: TableMapping, after: readonly string[] | null, signal: AbortSignal): Promise<readonly string[] | null> {
  const target = await lookUpTarget(sql, mapping);
  for (let further = 0; ; further = 2 * further + 1) {
    let bound: readonly string[] | null = null;
    for await (const row of rowsOf(sql, selectNextBound(target, after, mapping.chunkRows + further), signal)) bound = row.map((cell) => cell ?? '');
    if (bound?.every(isHeldByAll) !== false) return bound;
  }
}
